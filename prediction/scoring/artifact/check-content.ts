import { AppError, type Link, type ManifestContent, type TargetType } from '#contracts';
import { checkStep } from '../steps/steps.ts';

/** Links that fit a target type. */
const LINKS_OF: Readonly<Record<TargetType, readonly Link[]>> = {
  binary: ['logit'],
  multiclass: ['softmax'],
  regression: ['identity', 'log'],
};

/**
 * Proves what the schema cannot say: classes, link, positive class and threshold fit the target type; feature names
 * differ; steps can be applied.
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
}

function fail(what: string): never {
  throw new AppError('ARTIFACT_INVALID', `content: ${what}`);
}
