import type { ManifestContent } from '#contracts';
import { stepInputs } from '../steps/steps.ts';

/** The steps that members or offsets read, by index. */
export const usedStepsOf = ({ members, offsets = [] }: Pick<ManifestContent, 'members' | 'offsets'>): Set<number> =>
  new Set([...members.flatMap((member) => member.steps), ...offsets.map(({ step }) => step)]);

/** The features that predictions depend on, by index in `features`, rising. */
export function inputPlacesOf(content: Pick<ManifestContent, 'features' | 'steps' | 'members' | 'offsets'>): number[] {
  const usedSteps = usedStepsOf(content);
  const used = new Set(content.steps.flatMap((step, index) => (usedSteps.has(index) ? stepInputs(step) : [])));
  return [...content.features.keys()].filter((index) => used.has(index));
}
