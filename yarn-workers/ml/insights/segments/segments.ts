import type { BatchSource, InsightOf, InsightTask, ManifestContent } from '#contracts';
import { report, type FitIo } from '../../fit/clock.ts';
import type { OutOfFoldSource } from '../../fit/out-of-fold-source.ts';
import { rowsAt, type OutOfFold } from '../../fit/out-of-fold.ts';
import { binsOf } from '../features/feature-bins.ts';
import { effectOutputs, finite, partFacts } from '../features/feature-effects.ts';
import { PROBABILITIES_MAX } from '../features/limits.ts';
import { readFeatures, type SampledFeature } from '../features/read-features.ts';
import { readSampleRows } from '../features/sample-rows.ts';
import { NOTABLE_P, SEGMENT_BINS, SEGMENT_ROWS_MAX, SEGMENT_ROWS_MIN } from './limits.ts';
import { disparitiesOf, RATE_THRESHOLD, ratesOf } from './rates.ts';
import { segmentColumns } from './segment-columns.ts';
import { holm, segmentScorer } from './segment-gains.ts';

type Segments = InsightOf<'segments'>;
type SegmentedFeature = Segments['features'][number];
type Segment = SegmentedFeature['segments'][number];

/** The rows that segments are of; of backtests too they count by themselves, not by backtest. @throws TOO_FEW_ROWS */
export async function segmentRows({ seed }: Pick<InsightTask, 'seed'>, source: OutOfFoldSource): Promise<OutOfFold> {
  const most = Math.min(SEGMENT_ROWS_MAX, Math.floor(PROBABILITIES_MAX / source.facts.outputCount));
  const { isByDate: _, ...rows } = await readSampleRows(source, seed, most);
  return rows;
}

/**
 * Where a model is better and worse than on the whole: rows parted by the values of one column at a time, those that the model does not
 * read too. Memory: 20,000 rows of 200 columns at most, 32 MB, as much of probabilities, and the texts of categories.
 *
 * @param rows see `segmentRows`
 * @throws CELL_UNREADABLE; DATA_READ_TRUNCATED; TASK_CANCELLED
 */
export async function segmentsOf(
  task: InsightTask,
  content: ManifestContent,
  rows: OutOfFold,
  source: BatchSource,
  io: Pick<FitIo, 'onProgress' | 'signal'>,
): Promise<Segments> {
  const { target, metric } = task;
  const columns = segmentColumns(task, content);
  const read = await readFeatures(source, columns.features, columns.requests, rows.rows, io.signal);
  const { score, gainOf } = segmentScorer(rows, target, metric, task.seed);
  const outputs = effectOutputs(target, rows);
  const features: SegmentedFeature[] = [];
  for (const [index, feature] of read.entries()) {
    await report(io, index / read.length, 'segments', `feature ${index + 1} of ${read.length}`);
    const parts = partsOf(feature, rows).filter(({ places }) => places.length > 0);
    if (
      parts.length < 2 ||
      !parts.some(({ bin, places }) => bin.kind !== 'others' && places.length >= SEGMENT_ROWS_MIN)
    )
      continue;
    const segments = parts.map(({ bin, places }): Segment => {
      const own = rowsAt(rows, Uint32Array.from(places));
      const { pValue, ...gain } = gainOf(own);
      return {
        ...{ kind: bin.kind, from: finite(bin.from), to: finite(bin.to), level: bin.level },
        ...partFacts(places, rows, outputs),
        ...gain,
        pValue,
        rates: ratesOf(own, target),
      };
    });
    const isModelled = columns.modelled.has(feature.name);
    features.push({ feature: feature.name, isModelled, segments, disparities: disparitiesOf(segments) });
  }
  return {
    ...{ kind: 'segments', metric, score, threshold: target.targetType === 'binary' ? RATE_THRESHOLD : null },
    outputs: outputs.map(({ label }) => label),
    columnCount: columns.features.length,
    ...corrected(features),
  };
}

/** Ranges of a number: so many that each has twice the rows that it needs, but two at least. */
const rangesOf = (rowCount: number): number =>
  Math.max(2, Math.min(SEGMENT_BINS, Math.floor(rowCount / (2 * SEGMENT_ROWS_MIN))));

/** The rows of each bin of a feature. */
function partsOf({ values }: SampledFeature, rows: OutOfFold) {
  const { bins, binOf } = binsOf(values, values.kind === 'number' ? rangesOf(rows.rows.length) : SEGMENT_BINS);
  const places = bins.map((): number[] => []);
  for (let row = 0; row < rows.rows.length; row += 1) places[binOf[row] ?? 0]?.push(row);
  return bins.map((bin, index) => ({ bin, places: places[index] ?? [] }));
}

/** Probabilities corrected for all segments of all features, and which of them chance does not explain: the worst first. */
function corrected(features: readonly SegmentedFeature[]): Pick<Segments, 'features' | 'testedCount' | 'notable'> {
  const all = features.flatMap(({ segments }, feature) =>
    segments.map((segment, place) => ({ feature, place, segment })),
  );
  const pValues = holm(all.map(({ segment }) => segment.pValue));
  const pValueOf = new Map(all.map(({ segment }, index) => [segment, pValues[index] ?? null]));
  const notable = all
    .filter((_, index) => (pValues[index] ?? 1) < NOTABLE_P)
    .sort((a, b) => (a.segment.gain ?? 0) - (b.segment.gain ?? 0));
  return {
    features: features.map((feature) => ({
      ...feature,
      segments: feature.segments.map((segment) => ({ ...segment, pValue: pValueOf.get(segment) ?? null })),
    })),
    testedCount: pValues.filter((value) => value !== null).length,
    notable: notable.map(({ feature, place }) => ({ feature: features[feature]?.feature ?? '', segment: place })),
  };
}
