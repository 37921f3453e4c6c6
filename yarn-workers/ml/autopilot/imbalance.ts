import {
  complaint,
  type AppError,
  type AutopilotPlan,
  type Imbalance,
  type ImbalanceRequest,
  type TargetSpec,
} from '#contracts';
import { entryOf } from '../blueprints/catalogue.ts';
import { ENSEMBLE_BLUEPRINT_ID } from '../blueprints/ensemble.ts';
import { quoted } from './quoted.ts';
import { DOWNSAMPLED_ROWS_MIN, DOWNSAMPLING_RATIO } from './limits.ts';
import { classNamed } from './target.ts';

/**
 * What is done about classes of different size, by the rows that the table has of each; null: nothing, as by default.
 *
 * Balanced weights are rows / (classes x rows of the class), as scikit-learn's `class_weight="balanced"`. Down-sampling leaves `ratio` rows of the
 * largest class for each row of all others, and all of those.
 *
 * @throws VALIDATION_FAILED, TOO_FEW_ROWS naming the field, what was found and what to do
 */
export function imbalanceOf(request: ImbalanceRequest | undefined, target: TargetSpec): Imbalance | null {
  const method = request?.method ?? 'none';
  refuseStray(request ?? { method });
  if (method === 'none') return null;
  if (target.targetType === 'regression')
    throw refusal('method', `${method} has a meaning for classes only, and the target is a number; leave it out`);
  const factors = method === 'weights' ? weightsOf(request?.classWeights, target) : drawnParts(request?.ratio, target);
  return { method, factors };
}

const refusal = (field: string, message: string): AppError =>
  complaint('VALIDATION_FAILED', `imbalance.${field}`, message);

/** Options of another method than the one that is asked for would be silently without effect. */
function refuseStray({ method, classWeights, ratio }: ImbalanceRequest): void {
  if (classWeights !== undefined && method !== 'weights')
    throw refusal('classWeights', `belongs to method weights; found method ${method}`);
  if (ratio !== undefined && method !== 'downsampling')
    throw refusal('ratio', `belongs to method downsampling; found method ${method}`);
}

function weightsOf(asked: ImbalanceRequest['classWeights'], { classes }: TargetSpec): number[] {
  const all = classes.reduce((sum, { rowCount }) => sum + rowCount, 0);
  if (asked === undefined) return classes.map(({ rowCount }) => all / (classes.length * rowCount));
  const weights = classes.map((): number | null => null);
  for (const [label, weight] of Object.entries(asked)) {
    const index = classNamed(classes, label);
    if (index === null) {
      const known = classes.slice(0, LABELS_MAX).map((each) => quoted(each.label));
      const more = classes.length > LABELS_MAX ? ', ...' : '';
      throw refusal('classWeights', `${quoted(label)} is none of the classes ${known.join(', ')}${more}`);
    }
    if (weights[index] !== null) throw refusal('classWeights', `${quoted(label)} names a class for the second time`);
    weights[index] = weight;
  }
  return weights.map((weight) => weight ?? 1);
}

/** Classes that a message names. */
const LABELS_MAX = 10;

function drawnParts(ratio = DOWNSAMPLING_RATIO, { classes }: TargetSpec): number[] {
  const counts = classes.map(({ rowCount }) => rowCount);
  const largest = Math.max(...counts);
  const others = counts.reduce((sum, count) => sum + count, 0) - largest;
  const place = counts.indexOf(largest);
  const label = quoted(classes[place]?.label ?? '');
  if (!(ratio * others < largest))
    throw refusal(
      'ratio',
      `is ${ratio}, but the largest class ${label} has ${largest} rows for ${others} of all others, so there is nothing to leave out; lower it, or use method weights or none`,
    );
  if (ratio * others < DOWNSAMPLED_ROWS_MIN)
    throw complaint(
      'TOO_FEW_ROWS',
      'imbalance.ratio',
      `is ${ratio}, which leaves ${Math.floor(ratio * others)} rows of class ${label} to train on, at least ${DOWNSAMPLED_ROWS_MIN} are needed; raise it, or use method weights or none`,
    );
  return counts.map((_, index) => (index === place ? (ratio * others) / largest : 1));
}

/**
 * A plan with another answer to classes of different size, for a model of a blueprint; undefined: its own.
 *
 * @throws see {@link imbalanceOf}; VALIDATION_FAILED for the baseline
 */
export function withImbalance(
  plan: AutopilotPlan,
  request: ImbalanceRequest | undefined,
  blueprintId: string,
): AutopilotPlan {
  if (request === undefined) return plan;
  const { imbalance: _, ...rest } = plan;
  const imbalance = imbalanceOf(request, plan.target);
  if (imbalance !== null && !learns(blueprintId))
    throw refusal(
      'method',
      `${imbalance.method} has no meaning for ${blueprintId}, which learns nothing; leave it out`,
    );
  return imbalance === null ? rest : { ...rest, imbalance };
}

/** What of a plan's answer a model needs: the baseline says what the classes' shares are, of all rows. */
export const imbalanceFor = (
  { imbalance }: Pick<AutopilotPlan, 'imbalance'>,
  blueprintId: string,
): Imbalance | undefined => (learns(blueprintId) ? imbalance : undefined);

const learns = (blueprintId: string): boolean =>
  blueprintId === ENSEMBLE_BLUEPRINT_ID || entryOf(blueprintId).settings !== null;
