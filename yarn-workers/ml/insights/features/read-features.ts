import { AppError, type BatchSource, type ColumnRequest, type ManifestFeature } from '#contracts';
import { featureDecoder, isText, type CategoryValues, type FeatureValues } from '#scoring';
import { indicesBelow } from '#statistics';
import { TEXT_CHARACTERS_MAX } from '../../fit/text/limits.ts';

/** A feature that the model reads, with its values in the rows of the sample. */
export interface SampledFeature {
  /** Its index in the manifest. */
  readonly index: number;
  readonly name: string;
  readonly values: FeatureValues;
}

/** What collects one feature's values, and what there is of them in the end. */
export interface Collector {
  readonly take: (values: FeatureValues, row: number, place: number) => void;
  readonly values: FeatureValues;
}

/**
 * One pass over the columns of the features that the model reads, of which the values of some rows are kept.
 *
 * @param requests one a feature that is read, by name
 * @param rows row numbers, in any order; the values are in this order
 * @throws CELL_UNREADABLE; DATA_READ_TRUNCATED
 */
export async function readFeatures(
  source: BatchSource,
  features: readonly ManifestFeature[],
  requests: readonly ColumnRequest[],
  rows: Uint32Array,
  signal?: AbortSignal,
): Promise<SampledFeature[]> {
  const inputs = requests.map((request) => {
    const index = features.findIndex(({ name }) => name === request.name);
    const feature = features[index];
    if (feature === undefined) throw new AppError('INTERNAL', `${request.name} is no feature of the model`);
    const collector = featureCollector(feature, rows.length);
    return { index, name: request.name, decode: featureDecoder(feature), collector };
  });
  if (inputs.length === 0) return [];
  // Places by row number: batches come in the order of rows.
  const places = indicesBelow(rows.length).sort((a, b) => (rows[a] ?? 0) - (rows[b] ?? 0));
  let next = 0;
  for await (const batch of source.batches(requests, signal)) {
    const first = next;
    while (next < places.length && (rows[places[next] ?? 0] ?? 0) < batch.firstRow + batch.rowCount) next += 1;
    if (first === next) continue;
    const wanted = places.subarray(first, next);
    for (const [at, { decode, collector }] of inputs.entries()) {
      const column = batch.columns[at];
      if (column === undefined) throw new AppError('INTERNAL', `a batch lacks column ${at} of ${inputs.length}`);
      const decoded = decode(column, batch.rowCount, batch.firstRow);
      for (const place of wanted) collector.take(decoded, (rows[place] ?? 0) - batch.firstRow, place);
    }
  }
  if (next < places.length)
    throw new AppError('DATA_READ_TRUNCATED', `insight: expected ${places.length} rows of the table; found ${next}`);
  return inputs.map(({ index, name, collector }) => ({ index, name, values: collector.values }));
}

/** Collects the values of some rows of a feature as they are read; each has its place. */
export function featureCollector(feature: ManifestFeature, rowCount: number): Collector {
  const { parse } = feature;
  if (isText(feature)) return textCollector(rowCount);
  if (parse.kind === 'category') return categoryCollector(rowCount);
  if (parse.kind === 'geo') return placeCollector(rowCount);
  const numbers = new Float64Array(rowCount);
  return {
    take: (values, row, place) => {
      numbers[place] = values.kind === 'number' ? (values.values[row] ?? NaN) : NaN;
    },
    values: { kind: 'number', values: numbers },
  };
}

function placeCollector(rowCount: number): Collector {
  const [latitudes, longitudes] = [new Float64Array(rowCount).fill(NaN), new Float64Array(rowCount).fill(NaN)];
  return {
    take: (values, row, place) => {
      if (values.kind !== 'place') return;
      latitudes[place] = values.latitudes[row] ?? NaN;
      longitudes[place] = values.longitudes[row] ?? NaN;
    },
    values: { kind: 'place', latitudes, longitudes },
  };
}

/** As much of each text as steps read. */
function textCollector(rowCount: number): Collector {
  const texts = new Array<string | null>(rowCount).fill(null);
  return {
    take: (values, row, place) => {
      const text = values.kind === 'text' ? (values.texts[row] ?? null) : null;
      texts[place] = text === null || text.length <= TEXT_CHARACTERS_MAX ? text : copyOf(text, TEXT_CHARACTERS_MAX);
    },
    values: { kind: 'text', texts },
  };
}

/** The first UTF-16 units; a slice would keep all of the text in memory. */
const copyOf = (text: string, length: number): string => text.slice(0, length).split('').join('');

/** Keys in order of appearance, whatever dictionaries they came from; -1 is missing. */
function categoryCollector(rowCount: number): Collector {
  const codes = new Int32Array(rowCount).fill(-1);
  const keys: string[] = [];
  const codeOf = new Map<string, number>();
  const values: CategoryValues = { kind: 'category', codes, keys };
  return {
    take: (decoded, row, place) => {
      if (decoded.kind !== 'category') return;
      const key = decoded.keys[decoded.codes[row] ?? -1] ?? null;
      if (key === null) return;
      const code = codeOf.get(key) ?? keys.push(key) - 1;
      codeOf.set(key, code);
      codes[place] = code;
    },
    values,
  };
}
