import {
  AppError,
  OUT_OF_FOLD_INSIGHTS,
  PROFIT_OUTCOMES,
  type InsightContent,
  type InsightKind,
  type ProfitMatrix,
  type TargetSpec,
} from '#contracts';
import { calibrationOf } from './calibration.ts';
import { confusionOf } from './confusion.ts';
import { isOfEveryClass } from './every-class.ts';
import { outcomesOf, type InsightRows } from './insight-rows.ts';
import { liftOf } from './lift.ts';
import { precisionRecallOf, precisionRecallOfClasses } from './precision-recall.ts';
import { residualsOf } from './residuals.ts';
import { profitOf } from './profit.ts';
import { rocOf, rocOfClasses } from './roc.ts';

export { insightRowsMax } from './every-class.ts';
export { insightRows, readInsightRows } from './insight-rows.ts';

const kinds: Readonly<Record<string, readonly InsightKind[]>> = OUT_OF_FOLD_INSIGHTS;

/**
 * One insight, from rows that were predicted by models that had not seen them.
 *
 * @param label the class that roc, precision-recall, lift and calibration hold against all others; by default the positive one, else the last,
 *   and then roc and precision-recall have each of several classes too
 * @param matrix what decisions are worth, of profit alone: by default 1 for a true positive, -1 for a false one
 * @throws VALIDATION_FAILED for a kind that does not fit the target type, for a label that is no class, and for a matrix
 *   of zeros or that is not asked for
 */
export function insightOf(
  kind: InsightKind,
  rows: InsightRows,
  label: string | undefined,
  matrix: Partial<ProfitMatrix> = {},
): InsightContent {
  const { targetType } = rows.target;
  const fitting = kinds[targetType] ?? [];
  if (!fitting.includes(kind)) {
    const message = `does not fit a ${targetType} target, expected ${fitting.join(', ')}`;
    throw new AppError('VALIDATION_FAILED', `insight ${kind} ${message}`, { errors: [{ path: '/kind', message }] });
  }
  const worth = matrixOf(kind, matrix);
  const classIndex = classOf(kind, rows.target, label);
  const outcomes = outcomesOf(rows, classIndex);
  const name = classIndex === null ? null : (rows.target.classes[classIndex]?.label ?? '');
  if (worth !== null) return profitOf(outcomes, name ?? '', worth);
  if (kind === 'lift') return liftOf(outcomes, name);
  if (kind === 'residuals') return residualsOf(rows, outcomes);
  if (kind === 'confusion') return confusionOf(rows);
  const isOfAll = isOfEveryClass(kind, rows.target, label);
  if (kind === 'precision-recall')
    return { ...precisionRecallOf(outcomes, name ?? ''), ...(isOfAll ? precisionRecallOfClasses(rows) : {}) };
  return kind === 'roc'
    ? { ...rocOf(outcomes, name ?? ''), ...(isOfAll ? rocOfClasses(rows) : {}) }
    : calibrationOf(outcomes, name ?? '');
}

/** Where no matrix is given: a right positive earns what a wrong one costs, so that 0.5 breaks even. */
const PLAIN_MATRIX: ProfitMatrix = { truePositive: 1, falsePositive: -1, trueNegative: 0, falseNegative: 0 };

/** The matrix of profit, what is left out of it worth nothing; null of all other kinds. @throws VALIDATION_FAILED */
function matrixOf(kind: InsightKind, matrix: Partial<ProfitMatrix>): ProfitMatrix | null {
  const [first] = PROFIT_OUTCOMES.filter((name) => matrix[name] !== undefined);
  const refuse = (path: string, message: string): AppError =>
    new AppError('VALIDATION_FAILED', `query: ${path} ${message}`, { errors: [{ path, message }] });
  if (kind !== 'profit') {
    if (first === undefined) return null;
    throw refuse(`/${first}`, `is not asked for by ${kind}`);
  }
  if (first === undefined) return PLAIN_MATRIX;
  const { truePositive = 0, falsePositive = 0, trueNegative = 0, falseNegative = 0 } = matrix;
  const known = { truePositive, falsePositive, trueNegative, falseNegative };
  if (PROFIT_OUTCOMES.some((name) => known[name] !== 0)) return known;
  throw refuse(`/${first}`, `or another one of ${PROFIT_OUTCOMES.join(', ')} must not be 0`);
}

function classOf(kind: InsightKind, target: TargetSpec, label: string | undefined): number | null {
  const takesLabel = target.targetType !== 'regression' && kind !== 'confusion' && kind !== 'profit';
  if (label !== undefined) {
    const index = target.classes.findIndex((entry) => entry.label === label);
    const message = takesLabel
      ? 'is no class of the target'
      : `is not asked for by ${kind} of a ${target.targetType} target`;
    if (!takesLabel || index < 0)
      throw new AppError('VALIDATION_FAILED', `query: /label ${message}`, { errors: [{ path: '/label', message }] });
    return index;
  }
  if (target.targetType === 'regression') return null;
  return target.positiveClass ?? target.classes.length - 1;
}
