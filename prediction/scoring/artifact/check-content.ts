import { AppError, type Link, type ManifestContent, type ManifestOffset, type TargetType } from '#contracts';
import { SCORE_MAX } from '../models/tree-arrays.ts';
import { checkStep } from '../steps/steps.ts';

/** Links that fit a target type. */
const LINKS_OF: Readonly<Record<TargetType, readonly Link[]>> = {
  binary: ['logit'],
  multiclass: ['softmax'],
  regression: ['identity', 'log'],
};

/**
 * Proves what the schema cannot say: classes, link, positive class and threshold fit the target type; feature names
 * differ; steps can be applied; offsets are read by steps of their own.
 *
 * @throws ARTIFACT_INVALID
 */
export function checkContent(content: ManifestContent): void {
  const { targetType, classes, positiveClass, threshold, link, features } = content;
  if (!LINKS_OF[targetType].includes(link)) fail(`link ${link} does not fit ${targetType}`);
  if (new Set(classes).size !== classes.length) fail('a class appears twice');
  if (new Set(features.map((feature) => feature.name)).size !== features.length) fail('a feature name appears twice');
  if (
    targetType === 'regression'
      ? classes.length !== 0
      : targetType === 'binary'
        ? classes.length !== 2
        : classes.length < 2
  ) {
    fail(`${targetType} has ${classes.length} classes`);
  }
  if (targetType === 'binary') {
    if (positiveClass === null || positiveClass > 1)
      fail(`positiveClass is ${positiveClass ?? 'null'}, expected 0 or 1`);
    if (threshold !== null && !(threshold >= 0 && threshold <= 1)) fail(`threshold is ${threshold}, expected 0 to 1`);
  } else if (positiveClass !== null || threshold !== null) {
    fail(`${targetType} has a positive class or a threshold`);
  }
  for (const [index, step] of content.steps.entries()) checkStep(step, index, features);
  for (const offset of content.offsets ?? []) checkOffset(content, offset);
  const { calibration } = content;
  if (calibration === undefined) return;
  if (targetType !== 'binary') fail(`${targetType} has a calibration`);
  if (!(calibration.slope <= SCORE_MAX && Math.abs(calibration.intercept) <= SCORE_MAX))
    fail(`calibration is ${calibration.slope} x + ${calibration.intercept}`);
}

/** An offset is read by a step of its own and fits the link. */
function checkOffset(
  { targetType, link, steps, members, features, offsets = [] }: ManifestContent,
  offset: ManifestOffset,
): void {
  const { kind, step, mean } = offset;
  const found = steps[step];
  if (targetType === 'multiclass') fail(`multiclass has an ${kind}`);
  if (kind === 'exposure' && link !== 'log') fail(`an exposure does not fit link ${link}`);
  if (found?.kind !== 'numeric' || features[found.feature]?.parse.kind !== 'number')
    fail(`step ${step} of an ${kind} reads no number`);
  if (
    members.some((member) => member.steps.includes(step)) ||
    offsets.filter((other) => other.step === step).length > 1
  )
    fail(`step ${step} of an ${kind} is read twice`);
  if (!(Math.abs(mean) <= SCORE_MAX)) fail(`the mean of an ${kind} is ${mean}`);
}

function fail(what: string): never {
  throw new AppError('ARTIFACT_INVALID', `content: ${what}`);
}
