import { AppError, OUT_OF_FOLD_INSIGHTS, type InsightContent, type InsightKind, type TargetSpec } from '#contracts';
import { calibrationOf } from './calibration.ts';
import { confusionOf } from './confusion.ts';
import { outcomesOf, type InsightRows } from './insight-rows.ts';
import { liftOf } from './lift.ts';
import { residualsOf } from './residuals.ts';
import { rocOf } from './roc.ts';

export { insightRows } from './insight-rows.ts';

const kinds: Readonly<Record<string, readonly InsightKind[]>> = OUT_OF_FOLD_INSIGHTS;

/**
 * One insight, from rows that were predicted by models that had not seen them.
 *
 * @param label the class that roc, lift and calibration hold against all others; by default the positive one, else the last
 * @throws VALIDATION_FAILED for a kind that does not fit the target type, and for a label that is no class
 */
export function insightOf(kind: InsightKind, rows: InsightRows, label: string | undefined): InsightContent {
  const { targetType } = rows.target;
  const fitting = kinds[targetType] ?? [];
  if (!fitting.includes(kind)) {
    const message = `does not fit a ${targetType} target, expected ${fitting.join(', ')}`;
    throw new AppError('VALIDATION_FAILED', `insight ${kind} ${message}`, { errors: [{ path: '/kind', message }] });
  }
  const classIndex = classOf(kind, rows.target, label);
  const outcomes = outcomesOf(rows, classIndex);
  const name = classIndex === null ? null : (rows.target.classes[classIndex]?.label ?? '');
  if (kind === 'lift') return liftOf(outcomes, name);
  if (kind === 'residuals') return residualsOf(rows, outcomes);
  if (kind === 'confusion') return confusionOf(rows);
  return kind === 'roc' ? rocOf(outcomes, name ?? '') : calibrationOf(outcomes, name ?? '');
}

function classOf(kind: InsightKind, target: TargetSpec, label: string | undefined): number | null {
  const takesLabel = target.targetType !== 'regression' && kind !== 'confusion';
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
