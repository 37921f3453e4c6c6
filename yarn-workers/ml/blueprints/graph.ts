import type { DocumentStep } from './document.ts';

/** What is wrong with a part of a document. */
export interface Finding {
  /** Below the document: `/steps/3/kind`. */
  readonly path: string;
  readonly message: string;
}

/** A value as messages show it. */
export const told = (value: unknown): string => JSON.stringify(value);
export const list = (names: readonly string[]): string => names.map(told).join(', ');

/**
 * What is wrong with steps as a graph: ids that are there twice, inputs that are neither a step nor a source, cycles, more than one
 * end. None of these: a directed acyclic graph with one end, that everything leads to.
 *
 * @param sourcesOf what a step of a kind may read beside other steps
 * @see Kahn 1962, "Topological sorting of large networks"
 */
export function graphFindings(
  steps: readonly DocumentStep[],
  sourcesOf: (kind: string) => readonly string[],
): Finding[] {
  const twice = steps.flatMap(({ id }, index): Finding[] => {
    const first = steps.findIndex((step) => step.id === id);
    const message = `${told(id)} is the id of step ${first} too; give each step an id of its own`;
    return first === index ? [] : [{ path: `/steps/${index}/id`, message }];
  });
  if (twice.length > 0) return twice;
  const ids = steps.map(({ id }) => id);
  const unknown = steps.flatMap(({ kind, inputs }, index) =>
    inputs.flatMap((input, place): Finding[] => {
      const allowed = [...sourcesOf(kind), ...ids.filter((id) => id !== ids[index])];
      const message = `${told(input)} is no input of a ${told(kind)} step; allowed are ${list(allowed)}`;
      const isRepeated = inputs.indexOf(input) !== place;
      if (isRepeated)
        return [{ path: `/steps/${index}/inputs/${place}`, message: `${told(input)} is there twice; leave one out` }];
      return allowed.includes(input) ? [] : [{ path: `/steps/${index}/inputs/${place}`, message }];
    }),
  );
  if (unknown.length > 0) return unknown;
  const cycle = stepsInCycles(steps);
  if (cycle.length > 0)
    return cycle.map((index) => ({
      path: `/steps/${index}/inputs`,
      message: `step ${told(ids[index] ?? '')} reads what is made from itself, through ${list(cycle.map((at) => ids[at] ?? ''))}; a blueprint has no cycles`,
    }));
  const read = new Set(steps.flatMap(({ inputs }) => inputs));
  const ends = steps.flatMap(({ id }, index) => (read.has(id) ? [] : [index]));
  return ends.slice(0, -1).map((index) => ({
    path: `/steps/${index}`,
    message: `nothing reads step ${told(ids[index] ?? '')}; a blueprint has one end, so name it among the inputs of another step or leave it out`,
  }));
}

/** Indices of steps that are left when all whose inputs are there were taken away, again and again. */
function stepsInCycles(steps: readonly DocumentStep[]): number[] {
  let left = [...steps.keys()];
  for (;;) {
    const waiting = new Set(left.map((index) => steps[index]?.id ?? ''));
    const next = left.filter((index) => steps[index]?.inputs.some((input) => waiting.has(input)) === true);
    if (next.length === left.length) return next;
    left = next;
  }
}
