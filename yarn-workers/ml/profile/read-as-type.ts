import {
  AppError,
  complaint,
  shapeOf,
  type BatchSource,
  type DatasetProfile,
  type FeatureType,
  type FeatureTypeOutcome,
  type FeatureTypeTask,
  type FeatureWarning,
  type StoredColumn,
  type StoredTable,
} from '#contracts';
import { quoted } from '../autopilot/quoted.ts';
import { GIVEN_TYPES, NOT_GIVEN, isGivenType, typeTrial, type GivenType, type TypeVerdict } from './given-type.ts';
import { isCompared, saysNearlyTheSameAs } from './near-duplicates.ts';
import { profileTable, type ProfileOptions } from './profile-table.ts';

/** Part of the progress that looking at the values is, where that is needed. */
const TRIAL_SHARE = 0.4;

/**
 * Reads one feature of a table as another type: one pass over its column where its values have to be held against the type, and those
 * of its profile. No other column is read.
 *
 * @param open the table with columns as they are read then; best uncached
 * @throws FEATURE_TYPE_REFUSED naming feature, type, the first value that cannot be read, how many, and the types that can
 */
export async function readAsType(
  { table, feature: name, type }: Pick<FeatureTypeTask, 'table' | 'feature' | 'type'>,
  open: (table: StoredTable) => BatchSource,
  options: ProfileOptions = {},
): Promise<Omit<FeatureTypeOutcome, 'kind'>> {
  const known = table.columns.find((one) => one.name === name);
  if (known === undefined) throw new AppError('COLUMN_UNKNOWN', `the table has no column ${quoted(name)}`);
  if (!isGivenType(type)) throw notGiven(name, type);
  const column = await columnAs(known, type, open(table), options);
  const changed = { ...table, columns: table.columns.map((one) => (one === known ? column : one)) };
  const profile = await profileTable({ ...changed, columns: [column] }, open(changed), {
    ...options,
    givenTypes: new Map([[name, type]]),
    onProgress: (progress) =>
      options.onProgress?.({ ...progress, fraction: TRIAL_SHARE + (1 - TRIAL_SHARE) * progress.fraction }),
  });
  const [feature] = profile.features;
  if (feature === undefined) throw new AppError('INTERNAL', `the profile of ${quoted(name)} is empty`);
  return {
    column,
    feature,
    distinctValues: profile.distinctValues[0] ?? null,
    timeCounts: profile.timeCounts?.[0] ?? null,
  };
}

async function columnAs(
  column: StoredColumn,
  type: GivenType,
  source: BatchSource,
  { onProgress, signal }: ProfileOptions,
): Promise<StoredColumn> {
  const trial = typeTrial(column, type);
  if (trial.certain !== null) return trial.certain;
  for await (const { columns, firstRow, rowCount } of source.batches([{ name: column.name, view: 'text' }], signal)) {
    const [cells] = columns;
    if (cells?.view !== 'text') throw new AppError('INTERNAL', `column ${quoted(column.name)} was asked for as texts`);
    for (let row = 0; row < rowCount; row += 1) trial.add(cells.values[row] ?? null, 1, firstRow + row);
    const fraction = (TRIAL_SHARE * (firstRow + rowCount)) / source.rowCount;
    await onProgress?.({ fraction, phase: 'reading', message: column.name, iteration: null });
  }
  const verdict = trial.finish();
  if (verdict.fits) return verdict.column;
  throw misfits(column.name, type, verdict);
}

/**
 * Refuses a type as far as can be told without reading the rows: by all different values where they are known, else by the
 * first rows. What passes may still be refused by {@link readAsType}.
 *
 * @throws FEATURE_TYPE_REFUSED
 */
export function checkGivenType(profile: DatasetProfile, column: StoredColumn, type: FeatureType): void {
  const { name, position } = column;
  if (!isGivenType(type)) throw notGiven(name, type);
  const feature = profile.features[position];
  if (feature !== undefined && feature.uniqueCount <= 1)
    throw refuse(
      `${quoted(name)} has ${feature.uniqueCount === 0 ? 'no value' : 'one value in all rows'}, so it stays constant: there is nothing to learn from it`,
    );
  const trial = typeTrial(column, type);
  const values = profile.distinctValues[position] ?? null;
  if (values === null)
    for (const [row, cells] of profile.sampleRows.entries()) trial.add(cells[position] ?? null, 1, row);
  else for (const { value, count } of values) trial.add(value, count, null);
  const verdict = trial.finish();
  if (verdict.fits || trial.certain !== null) return;
  throw misfits(name, type, verdict, values === null ? ` of the first ${profile.sampleRows.length} rows` : '');
}

const refuse = (message: string): AppError => complaint('FEATURE_TYPE_REFUSED', 'type', message);

const notGiven = (name: string, type: Exclude<FeatureType, GivenType>): AppError =>
  refuse(
    `${quoted(name)} cannot be made ${type}: ${NOT_GIVEN[type]}; types that can be given are ${GIVEN_TYPES.join(', ')}`,
  );

function misfits(
  name: string,
  type: GivenType,
  { misfitCount, presentCount, first, allowed }: Extract<TypeVerdict, { fits: false }>,
  among = '',
): AppError {
  const place = first.row === null ? '' : ` in row ${first.row + 1}`;
  return refuse(
    `${quoted(name)} cannot be made ${type}: ${misfitCount} of ${presentCount} values${among} cannot be read as ${type}, the first is ${shapeOf(first.value)}${place}; it can be made ${allowed.join(', ')}`,
  );
}

/** What ingest found of a column that profiling does not look for again, with the types of which it is still true. */
const FOUND_BY_INGEST: Readonly<Record<string, readonly FeatureType[] | 'all'>> = {
  DUPLICATE_NAME: 'all',
  MIXED_TYPES: ['categorical', 'text'],
  AMBIGUOUS_DATES: ['date'],
};

/**
 * The profile of a dataset with one feature as another type. What was found about the values of a pair of features stays where
 * both are still compared; pairs are not looked for again.
 */
export function withGivenType(
  profile: DatasetProfile,
  { column: { position }, feature, distinctValues, timeCounts }: Omit<FeatureTypeOutcome, 'kind'>,
): DatasetProfile {
  const staysCompared = isCompared(feature.type);
  const isKept = ({ code }: FeatureWarning): boolean =>
    code === 'NEAR_DUPLICATE'
      ? staysCompared
      : FOUND_BY_INGEST[code] === 'all' || (FOUND_BY_INGEST[code]?.includes(feature.type) ?? false);
  return {
    ...profile,
    features: profile.features.map((one) => {
      if (one.position === position) {
        const { inferredType, warnings } = one;
        return { ...feature, inferredType, warnings: [...warnings.filter(isKept), ...feature.warnings] };
      }
      if (staysCompared) return one;
      return { ...one, warnings: one.warnings.filter((warning) => !saysNearlyTheSameAs(warning, feature.name)) };
    }),
    distinctValues: profile.distinctValues.with(position, distinctValues),
    ...(profile.timeCounts === undefined ? {} : { timeCounts: profile.timeCounts.with(position, timeCounts) }),
  };
}
