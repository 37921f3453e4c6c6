import { AppError, type BatchSource, type ColumnRequest } from '#contracts';
import { featureDecoder, type FeatureValues } from '#scoring';
import { indicesBelow, indicesWhere } from '#statistics';
import type { TaskFeature } from '../fit/task-columns.ts';
import { featureCollector, type SampledFeature } from '../insights/features/read-features.ts';
import type { DuplicateCounter } from './duplicates.ts';
import type { GroupGatherer } from './group-rows.ts';
import { rowHashes } from './row-hashes.ts';

/** What one pass over the table is asked for. */
export interface RowsWanted {
  readonly features: readonly TaskFeature[];
  /** Row numbers, in any order. */
  readonly chosen: Uint32Array;
  /** Null: equal rows are not counted. */
  readonly duplicates: DuplicateCounter | null;
  /** What the target adds to a row's hash. */
  readonly target: (firstRow: number, rowCount: number) => FeatureValues;
  readonly groups: readonly { readonly feature: TaskFeature; readonly gatherer: GroupGatherer }[];
  /** Asked after each STOP_ROWS rows, whatever batches they come in, with the rows that were read. */
  readonly ends: (rowCount: number) => boolean;
}

/** Rows between two places where a pass may end. */
const STOP_ROWS = 1_024;

/** What a pass has read: of the chosen rows those among the first `rowCount` rows. */
export interface RowsRead {
  readonly rowCount: number;
  readonly chosen: Uint32Array;
  readonly features: readonly SampledFeature[];
}

/**
 * One pass over features and groups: values of the chosen rows, hashes of all rows.
 *
 * @throws CELL_UNREADABLE; DATA_READ_TRUNCATED
 */
export async function readRows(source: BatchSource, wanted: RowsWanted, signal?: AbortSignal): Promise<RowsRead> {
  const { features, groups, chosen, duplicates } = wanted;
  const inputs = features.map(({ manifest }, index) => ({
    ...{ index, name: manifest.name },
    decode: featureDecoder(manifest),
    collector: featureCollector(manifest, chosen.length),
  }));
  const grouped = groups.map(({ feature, gatherer }) => ({ gatherer, decode: featureDecoder(feature.manifest) }));
  const requests: ColumnRequest[] = [...features, ...groups.map(({ feature }) => feature)].map(
    ({ request }) => request,
  );
  // A search without time for any column reads nothing.
  if (requests.length === 0) return { rowCount: 0, chosen: new Uint32Array(0), features: [] };
  const places = indicesBelow(chosen.length).sort((a, b) => (chosen[a] ?? 0) - (chosen[b] ?? 0));
  const hashes = rowHashes();
  let next = 0;
  let rowCount = 0;
  let isEnded = false;
  for await (const batch of source.batches(requests, signal)) {
    const { firstRow } = batch;
    const columnOf = (index: number) => {
      const column = batch.columns[index];
      if (column === undefined) throw new AppError('INTERNAL', `a batch lacks column ${index} of ${requests.length}`);
      return column;
    };
    const first = next;
    const end = firstRow + batch.rowCount;
    const stop = stopOf(firstRow, Math.min(end, source.rowCount - 1), wanted.ends);
    isEnded = stop !== null;
    rowCount = stop ?? end;
    const read = rowCount - firstRow;
    while (next < places.length && (chosen[places[next] ?? 0] ?? 0) < rowCount) next += 1;
    const own = places.subarray(first, next);
    if (duplicates !== null) {
      hashes.start(batch.rowCount);
      hashes.add(features.length, wanted.target(firstRow, batch.rowCount));
    }
    for (const { index, decode, collector } of inputs) {
      const values = decode(columnOf(index), batch.rowCount, firstRow);
      for (const place of own) collector.take(values, (chosen[place] ?? 0) - firstRow, place);
      if (duplicates !== null) hashes.add(index, values);
    }
    if (duplicates !== null) {
      const [high, low] = [hashes.high(), hashes.low()];
      for (let row = 0; row < read; row += 1) duplicates.add(firstRow + row, high[row] ?? 0, low[row] ?? 0);
    }
    for (const [index, { gatherer, decode }] of grouped.entries())
      gatherer.take(decode(columnOf(features.length + index), batch.rowCount, firstRow), firstRow, read);
    if (isEnded) break;
  }
  if (!isEnded && rowCount < source.rowCount)
    throw new AppError(
      'DATA_READ_TRUNCATED',
      `leakage: expected ${source.rowCount} rows of the table; found ${rowCount}`,
    );
  const kept = indicesWhere(chosen.length, (place) => (chosen[place] ?? 0) < rowCount);
  return {
    rowCount,
    chosen: kept.map((place) => chosen[place] ?? 0),
    features: inputs.map(({ index, name, collector: { values } }) => ({
      ...{ index, name },
      // Where nothing was cut off these are all places in order.
      values: kept.length === chosen.length ? values : picked(values, kept),
    })),
  };
}

/** The first place after `from` and up to `to` where the pass ends; null: it goes on. */
function stopOf(from: number, to: number, ends: RowsWanted['ends']): number | null {
  for (let row = STOP_ROWS * (Math.floor(from / STOP_ROWS) + 1); row <= to; row += STOP_ROWS) if (ends(row)) return row;
  return null;
}

/** The values of some places, in their order. */
export function picked(values: FeatureValues, places: Uint32Array): FeatureValues {
  switch (values.kind) {
    case 'number':
      return { kind: 'number', values: Float64Array.from(places, (place) => values.values[place] ?? NaN) };
    case 'category':
      return { ...values, codes: Int32Array.from(places, (place) => values.codes[place] ?? -1) };
    case 'text':
      return { kind: 'text', texts: Array.from(places, (place) => values.texts[place] ?? null) };
    case 'place':
      return {
        kind: 'place',
        latitudes: Float64Array.from(places, (place) => values.latitudes[place] ?? NaN),
        longitudes: Float64Array.from(places, (place) => values.longitudes[place] ?? NaN),
      };
  }
}
