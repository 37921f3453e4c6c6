import { everyOtherModel, OTHER_ROWS } from '../every-model.ts';
import { sampleArtifact } from '../sample-artifact.ts';
import { randomGenerator } from '../support.ts';
import type { MutationSubject } from './mutations.ts';

const ROWS: MutationSubject['rows'] = [
  {},
  { age: 1, code: '7', flag: 'true', when: '2020-01-01' },
  { age: 1e9, ['__proto__']: null },
];

/** Artefacts that have every kind of model and step between them. */
export const SUBJECTS: Readonly<Record<string, () => MutationSubject>> = {
  'trees, a constant, a linear model and a network': () => ({ ...sampleArtifact(randomGenerator(21)), rows: ROWS }),
  'trees of lines, a forest and a factorization machine': () => ({
    ...everyOtherModel(randomGenerator(21)),
    rows: OTHER_ROWS,
  }),
};
