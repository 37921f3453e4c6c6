import type {
  FieldError,
  HumilityAction,
  HumilityCondition,
  HumilityRule,
  Manifest,
  ManifestContent,
} from '#contracts';
import { ruleFeatures, unfitFor, type CellCondition, type RuleFeature } from './rule-features.ts';

/** Features that a complaint names, at most. */
const NAMED_MAX = 10;

/**
 * What is wrong with rules for a model; empty where they can be kept.
 *
 * @returns paths begin with the rule's index: `/0/when/features/1`
 */
export function checkRules(rules: readonly HumilityRule[], manifest: Manifest): FieldError[] {
  const features = ruleFeatures(manifest);
  const names = rules.map(({ name }) => name);
  return rules.flatMap(({ name, when, then }, index) => {
    const errors = [...conditionErrors(when, manifest.content, features), ...actionErrors(then, manifest.content)];
    if (names.indexOf(name) < index)
      errors.push({ path: '/name', message: `${JSON.stringify(name)} is the name of another rule` });
    return errors.map(({ path, message }) => ({ path: `/${index}${path}`, message }));
  });
}

function conditionErrors(
  condition: HumilityCondition,
  { targetType }: ManifestContent,
  features: readonly RuleFeature[],
): FieldError[] {
  const isFor = (wanted: boolean, kind: string): FieldError[] =>
    wanted ? [] : [{ path: '/when/type', message: `is for ${kind}; the target is ${targetType}` }];
  switch (condition.type) {
    case 'nearThreshold':
      return isFor(targetType === 'binary', 'a binary target');
    case 'lowProbability':
      return isFor(targetType !== 'regression', 'classes');
    case 'predictionOutside':
      return [...isFor(targetType === 'regression', 'predicted numbers'), ...boundErrors(condition, true)];
    case 'unseenLevel':
    case 'missingValue':
      return featureErrors(condition, features);
    case 'outsideRange': {
      const isGiven = condition.least !== undefined || condition.most !== undefined;
      if (!isGiven || condition.features?.length === 1)
        return [...featureErrors(condition, features), ...boundErrors(condition, false)];
      return [{ path: '/when/features', message: 'must name one feature where least or most is given' }];
    }
  }
}

function boundErrors(
  { least, most }: { readonly least?: number; readonly most?: number },
  areNeeded: boolean,
): FieldError[] {
  if (areNeeded && least === undefined && most === undefined)
    return [{ path: '/when', message: 'must have least, most or both' }];
  if (least === undefined || most === undefined || least <= most) return [];
  return [{ path: '/when/least', message: `must be at most most; found ${least} and ${most}` }];
}

function featureErrors(condition: CellCondition, features: readonly RuleFeature[]): FieldError[] {
  if (condition.features === undefined) {
    const isAny = features.some((feature) => unfitFor(condition, feature) === null);
    return isAny ? [] : [{ path: '/when/type', message: `can hold for no feature of the model` }];
  }
  const byName = new Map(features.map((feature) => [feature.feature.name, feature]));
  return condition.features.flatMap((name, index) => {
    const found = byName.get(name);
    const problem =
      found === undefined
        ? `is no feature that the model reads (${shown([...byName.keys()])})`
        : unfitFor(condition, found);
    return problem === null ? [] : [{ path: `/when/features/${index}`, message: `${JSON.stringify(name)} ${problem}` }];
  });
}

function actionErrors(action: HumilityAction, { targetType, classes }: ManifestContent): FieldError[] {
  if (action.type !== 'override') return [];
  const { prediction } = action;
  const path = '/then/prediction';
  if (targetType === 'regression')
    return typeof prediction === 'number'
      ? []
      : [{ path, message: `must be a number; found ${JSON.stringify(prediction)}` }];
  if (classes.includes(String(prediction))) return [];
  return [{ path, message: `${JSON.stringify(prediction)} is no class of the target (${shown(classes)})` }];
}

function shown(names: readonly string[]): string {
  const some = names.slice(0, NAMED_MAX).map((name) => JSON.stringify(name));
  const more = names.length - some.length;
  return `${some.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
