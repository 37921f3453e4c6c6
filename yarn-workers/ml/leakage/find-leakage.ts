import type { BatchSource, LeakageFacts, LeakageFinding, TrainTask } from '#contracts';
import { LEAKAGE_FINDINGS_MAX } from '#contracts';
import { hash32, rowHash } from '#statistics';
import { isModelled } from '../partition/types.ts';
import { report, type FitIo } from '../fit/clock.ts';
import type { RowRoles } from '../fit/row-roles.ts';
import type { TargetRows } from '../fit/target-rows.ts';
import type { TaskFeature } from '../fit/task-columns.ts';
import { readFeatures, type SampledFeature } from '../insights/features/read-features.ts';
import { foretellerOf } from './foretell.ts';
import {
  HIGH_SCORE,
  LEAKAGE_FOLDS,
  LEAKAGE_ROWS_MAX,
  LEAKAGE_ROWS_MIN,
  MODERATE_SCORE,
  PAIR_FEATURES_MAX,
  PAIR_ROWS_MAX,
} from './limits.ts';
import { bestTogether } from './pairs.ts';
import { missingParts, partsOf } from './parts.ts';

/** Salts of hashes that must not agree with the partitions' hash. */
const ROWS_SALT = 0x5a17_0031;
const FOLDS_SALT = 0x5a17_0032;

/** A feature with how well it foretells the target by itself. */
interface Measured {
  readonly feature: SampledFeature;
  readonly score: number;
}

/**
 * Which features tell the target, by themselves or two together where neither does alone: measured on rows that were not fitted on, of
 * at most LEAKAGE_ROWS_MAX rows outside the holdout, those of the least hash(seed, row). A function of task and data alone.
 * Pairs are those of the features with the best scores. The date that parts rows and the series column are not looked at. Memory: rows times features, 8 bytes each, and the texts.
 *
 * @throws CELL_UNREADABLE; DATA_READ_TRUNCATED; TASK_CANCELLED
 */
export async function findLeakage(
  { seed, target, partitioning }: Pick<TrainTask, 'seed' | 'target' | 'partitioning'>,
  features: readonly TaskFeature[],
  known: { readonly rows: TargetRows; readonly roles: RowRoles },
  source: BatchSource,
  io: Pick<FitIo, 'onProgress' | 'signal'>,
): Promise<LeakageFacts> {
  const { rows, roles } = known;
  const chosen = chosenRows(seed, roles, rows);
  if (chosen.length < LEAKAGE_ROWS_MIN) return { rowCount: 0, pairRowCount: 0, pairCount: 0, findings: [] };
  await report(io, 0.03, 'leakage', 'reading features to look for target leakage');
  const judged = features.filter(({ manifest }) => !isOfTime(manifest.name, partitioning));
  const read = await readFeatures(
    source,
    judged.map(({ manifest }) => manifest),
    judged.map(({ request }) => request),
    chosen,
    io.signal,
  );
  const foretell = foretellerAt(target, rows, chosen, seed);
  const findings: LeakageFinding[] = [];
  const measured: Measured[] = [];
  for (const [index, feature] of read.entries()) {
    await report(io, 0.03, 'leakage', `feature ${index + 1} of ${read.length}`);
    const score = foretell(partsOf(feature.values));
    measured.push({ feature, score });
    if (score < MODERATE_SCORE) continue;
    const by = foretell(missingParts(feature.values)) >= MODERATE_SCORE ? 'missing' : 'value';
    findings.push({ features: [feature.name], risk: riskOf(score), score, by });
  }
  const few = chosen.subarray(0, PAIR_ROWS_MAX);
  const pairs = pairsOf(measured);
  const foretellPair = foretellerAt(target, rows, few, seed);
  for (const [index, pair] of pairs.entries()) {
    await report(io, 0.04, 'leakage', `pair ${index + 1} of ${pairs.length}`);
    const [a, b] = pair;
    const { by, score } = bestTogether([firstOf(a.feature, few.length), firstOf(b.feature, few.length)], foretellPair);
    // A pair counts only where it tells what neither of the two does.
    if (score >= HIGH_SCORE && Math.max(a.score, b.score) < MODERATE_SCORE)
      findings.push({ features: namesOf(a, b), risk: 'high', score, by });
  }
  const worst = findings.sort((a, b) => b.score - a.score || a.features.length - b.features.length);
  return {
    rowCount: chosen.length,
    pairRowCount: pairs.length === 0 ? 0 : few.length,
    pairCount: pairs.length,
    findings: worst.slice(0, LEAKAGE_FINDINGS_MAX),
  };
}

/** When something was and which series it is of are known of what is to be predicted; of a smooth series they tell nearly all. */
const isOfTime = (name: string, { method, column, dates }: TrainTask['partitioning']): boolean =>
  method === 'date' && (name === column || name === dates?.series?.column);

/** What tells more by itself comes first, of equals the later one of the table. */
const namesOf = (a: Measured, b: Measured): string[] =>
  (b.score >= a.score ? [b, a] : [a, b]).map(({ feature }) => feature.name);

const riskOf = (score: number): LeakageFinding['risk'] => (score >= HIGH_SCORE ? 'high' : 'moderate');

/** Rows outside the holdout and of positive weight, in the order of their hash. */
function chosenRows(seed: number, { of }: RowRoles, { weights }: TargetRows): Uint32Array {
  const salted = hash32(seed, ROWS_SALT);
  const hashOf = (row: number): number => rowHash(salted, row);
  const rows = Uint32Array.from(of.keys()).filter((row) => isModelled(of[row] ?? 0) && (weights?.[row] ?? 1) > 0);
  const last = rows.length > LEAKAGE_ROWS_MAX ? (rows.map(hashOf).sort()[LEAKAGE_ROWS_MAX - 1] ?? 0) : Infinity;
  const chosen = rows.filter((row) => hashOf(row) <= last);
  return chosen.sort((a, b) => hashOf(a) - hashOf(b) || a - b).subarray(0, LEAKAGE_ROWS_MAX);
}

function foretellerAt(target: TrainTask['target'], { classes, values }: TargetRows, rows: Uint32Array, seed: number) {
  const salted = hash32(seed, FOLDS_SALT);
  const own = {
    classes: classes === null ? null : Int32Array.from(rows, (row) => classes[row] ?? -1),
    values: values === null ? null : Float64Array.from(rows, (row) => values[row] ?? NaN),
  };
  return foretellerOf(
    target,
    own,
    Uint8Array.from(rows, (row) => rowHash(salted, row) % LEAKAGE_FOLDS),
  );
}

/** All pairs of the best features that are no risk by themselves. */
function pairsOf(measured: readonly Measured[]): [Measured, Measured][] {
  const best = measured
    .filter(({ score, feature }) => score < MODERATE_SCORE && feature.values.kind !== 'text')
    .sort((a, b) => b.score - a.score || a.feature.index - b.feature.index)
    .slice(0, PAIR_FEATURES_MAX);
  return best.flatMap((a, index) => best.slice(index + 1).map((b): [Measured, Measured] => [a, b]));
}

/** The values of the first rows. */
function firstOf(feature: SampledFeature, count: number): SampledFeature {
  const { values } = feature;
  switch (values.kind) {
    case 'number':
      return { ...feature, values: { ...values, values: values.values.subarray(0, count) } };
    case 'category':
      return { ...feature, values: { ...values, codes: values.codes.subarray(0, count) } };
    case 'text':
      return { ...feature, values: { ...values, texts: values.texts.slice(0, count) } };
    case 'place': {
      const [latitudes, longitudes] = [values.latitudes.subarray(0, count), values.longitudes.subarray(0, count)];
      return { ...feature, values: { ...values, latitudes, longitudes } };
    }
  }
}
