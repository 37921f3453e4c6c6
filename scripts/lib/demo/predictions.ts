import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { ApiClient, JsonObject } from '#cli';
import { HttpClient, readBody } from '#runtime';
import { computeMetrics } from '#statistics';
import { quantile } from './report.ts';

/** Single-row requests of the demo. */
const SINGLE_ROW_COUNT = 2_000;

/** Rows of a CSV file without quotes or line breaks in cells, as the sample data are. */
export function simpleCsv(text: string): { header: string[]; rows: string[][] } {
  assert.ok(!text.includes('"'), 'this reader is for files without quoted cells');
  const [header = '', ...lines] = text.split(/\r?\n/).filter((line) => line !== '');
  return { header: header.split(','), rows: lines.map((line) => line.split(',')) };
}

/** The test rows as JSON objects of strings, as an ETL job would send them; the target is left out. */
export function testRows(file: string, target: string): { rows: Readonly<Record<string, string>>[]; actual: string[] } {
  const { header, rows } = simpleCsv(gunzipSync(readFileSync(file)).toString('utf8'));
  const targetIndex = header.indexOf(target);
  assert.ok(targetIndex >= 0, `${file} has no column ${target}`);
  return {
    rows: rows.map((cells) =>
      Object.fromEntries(header.flatMap((name, index) => (index === targetIndex ? [] : [[name, cells[index] ?? '']]))),
    ),
    actual: rows.map((cells) => cells[targetIndex] ?? ''),
  };
}

/** Sends rows one by one over one connection; the positive class's probabilities and the latencies. */
export async function askOneByOne(
  deployment: JsonObject,
  apiKey: string,
  rows: readonly Readonly<Record<string, string>>[],
  label: string,
) {
  const url = String(deployment['predictionUrl']);
  const http = new HttpClient({ baseUrl: url, token: apiKey });
  const micros: number[] = [];
  const probabilities: number[] = [];
  try {
    for (const row of rows.slice(0, SINGLE_ROW_COUNT)) {
      const started = performance.now();
      const { json } = await http.request({ method: 'POST', path: url, json: row });
      micros.push((performance.now() - started) * 1000);
      const { data } = json as { data: { probabilities: Record<string, number> }[] }; // the contract's answer for a classifier
      probabilities.push(data[0]?.probabilities[label] ?? NaN);
    }
  } finally {
    http.close();
  }
  micros.sort((a, b) => a - b);
  return {
    count: micros.length,
    p50Micros: Math.round(quantile(micros, 0.5)),
    p99Micros: Math.round(quantile(micros, 0.99)),
    probabilities,
  };
}

/** The positive class's probabilities of a finished batch prediction, in row order. */
export async function batchProbabilities(api: ApiClient, resource: string, label: string): Promise<number[]> {
  const csv = (await readBody(await api.download(`${resource}/rows`, 'text/csv'), 1e9)).toString('utf8');
  const { header, rows } = simpleCsv(csv);
  const column = header.indexOf(`probability_${label}`);
  assert.ok(column >= 0, `batch predictions have the columns ${header.join(', ')}`);
  return rows.map((cells) => Number(cells[column]));
}

/** AUC of probabilities against labels. */
export function testAuc(actual: readonly string[], probabilities: readonly number[], positive: string): number {
  const { auc } = computeMetrics(['auc'], {
    targetType: 'binary',
    actual: Int32Array.from(actual, (label) => (label === positive ? 1 : 0)),
    positiveClass: 1,
    probability: Float64Array.from(probabilities),
    threshold: 0.5,
  });
  assert.ok(auc !== undefined, 'the test rows have both classes');
  return auc;
}
