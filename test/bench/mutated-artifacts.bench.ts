/**
 * Artefacts with changed bytes and values, as many as are asked for: `node test/bench/mutated-artifacts.bench.ts [count] [seed]`. Each is
 * opened, scored and explained, or refused; anything else ends it with the seed that makes it again. CI tries 800 of each subject.
 */
import { SUBJECTS } from '../unit/prediction/scoring/artifact/subjects.ts';
import { tryMutations } from '../unit/prediction/scoring/artifact/mutations.ts';
import { randomGenerator } from '../unit/prediction/scoring/support.ts';

/** Mutations of one seed: what fails is made again by so many. */
const ROUND = 800;

const [count = 1_000_000, firstSeed = 1] = process.argv.slice(2).map(Number);
const subjects = Object.entries(SUBJECTS);
const rounds = Math.ceil(count / ROUND);
const started = performance.now();
const outcomes = new Map<string, number>();
for (let round = 0; round < rounds; round += 1) {
  const [what, subject] = subjects[round % subjects.length] ?? ['', () => process.exit(1)];
  const seed = firstSeed + round;
  try {
    for (const [outcome, found] of tryMutations(randomGenerator(seed), subject(), ROUND))
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + found);
  } catch (err) {
    console.error(`seed ${seed}, ${what}:`, err);
    process.exit(1);
  }
}
const seconds = (performance.now() - started) / 1000;
const shown = [...outcomes].map(([outcome, found]) => `${found} ${outcome}`).join(', ');
console.log(
  `${rounds * ROUND} mutated artefacts in ${seconds.toFixed(0)} s, seeds ${firstSeed} to ${firstSeed + rounds - 1}: ${shown}`,
);
