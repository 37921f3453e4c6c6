/** Draws `docs/benchmarks/*.svg` from the figures in `docs/benchmarks/large-tables.json`: `node test/bench/large-tables/charts.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { lineChart, type Chart } from '../charts/line-chart.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../../docs/benchmarks');

interface Figures {
  /** Fits of one process each: rows of the table, and MiB. */
  readonly fits: readonly { readonly rows: number; readonly predictedMib: number; readonly takenMib: number }[];
  readonly profiles: readonly { readonly rows: number; readonly takenMib: number }[];
  /** Of a fit of the largest table, since its rows are put into bins: seconds, and MiB that its process has then. */
  readonly course: readonly { readonly seconds: number; readonly residentMib: number }[];
}

/** Bytes that the memory of a fit may grow by with each row of 40 columns: 1.1 a value, and 45. */
const SLOPE_BYTES = 1.1 * 40 + 45;
const MILLION = 1e6;
const MIB = 2 ** 20;

const figures = JSON.parse(readFileSync(path.join(FOLDER, 'large-tables.json'), 'utf8')) as Figures; // beside the charts

function memory({ fits, profiles }: Figures): Chart {
  const [least] = fits;
  const allowed = fits.map(({ rows }) => {
    const more = (SLOPE_BYTES * (rows - (least?.rows ?? 0))) / MIB;
    return [rows / MILLION, (least?.takenMib ?? 0) + more] as const;
  });
  return {
    title: 'Peak memory of a task, 40 mixed columns',
    x: 'million rows',
    y: 'MiB',
    series: [
      { name: 'fit, predicted', style: 'line', points: fits.map((fit) => [fit.rows / MILLION, fit.predictedMib]) },
      { name: 'fit, taken', style: 'points', points: fits.map((fit) => [fit.rows / MILLION, fit.takenMib]) },
      { name: 'profile, taken', style: 'line', points: profiles.map((one) => [one.rows / MILLION, one.takenMib]) },
      { name: 'slope allowed: 1.1 bytes a value and 45 a row', style: 'dashes', points: allowed },
    ],
  };
}

const course = ({ course: marks }: Figures): Chart => ({
  title: 'Memory of a fit of 50 million rows: into bins, 100 trees, predictions',
  x: 'seconds',
  y: 'MiB',
  series: [{ name: 'resident', style: 'line', points: marks.map((mark) => [mark.seconds, mark.residentMib]) }],
});

for (const [name, chart] of Object.entries({ memory, course }))
  writeFileSync(path.join(FOLDER, `${name}.svg`), lineChart(chart(figures)));
