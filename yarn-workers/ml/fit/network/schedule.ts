import type { StepSizes } from './network.ts';

/** How far a fit is from its beginning (0) to its end (1). */
type Progress = number;

/** The rate goes up and down four times, each time twice as long: whenever it is low the network can be taken as it is. */
const CYCLES = 4;

/** Turns of the rate that a fit has made: whole numbers where it is lowest. */
const turnsAt = (progress: Progress): number => Math.log2(1 + (2 ** CYCLES - 1) * progress);

/** Epochs below which a schedule is not shortened. */
const EPOCHS_MIN = 4;
/** The part of what is left that the epochs of a shortened schedule may be expected to take. */
const SHORTENED_SHARE = 0.95;

/**
 * Epochs of the schedule of a fit that has made its first: as many as there is time for, so that the rate comes down in time. A fit that is
 * cut off while its rate is high is worth little.
 *
 * @param usual as many as there are at most
 * @param firstMs what the first has taken
 */
export function epochsInTime(usual: number, firstMs: number, leftMs: number): number {
  const further = Math.floor((SHORTENED_SHARE * leftMs) / Math.max(1e-3, firstMs));
  return Math.min(usual, Math.max(EPOCHS_MIN, 1 + further));
}

/**
 * Whether an epoch ends a turn of the rate in which nothing was better than before it: longer turns only fit the training rows better still.
 *
 * @param made epochs so far, of `epochs`
 * @param best the epoch after which the loss was least
 */
export function isSpent(made: number, epochs: number, best: number): boolean {
  const turns = Math.floor(turnsAt(made / epochs));
  if (turns === Math.floor(turnsAt((made - 1) / epochs))) return false;
  const begun = (epochs * (2 ** (turns - 1) - 1)) / (2 ** CYCLES - 1);
  return best <= begun;
}

/**
 * Sizes of a step. The rate follows a cosine of the logarithm; decay and dropout stay for the first half and then fall to nothing.
 *
 * @see Holzmueller, Grinsztajn, Steinwart 2024, "Better by default: strong pre-tuned MLPs and boosted trees on tabular data", appendix A.1
 */
export function stepSizes(
  {
    learningRate,
    dropout,
    weightDecay,
  }: { readonly learningRate: number; readonly dropout: number; readonly weightDecay: number },
  progress: Progress,
): StepSizes {
  const turns = turnsAt(progress);
  const late = progress < 0.5 ? 1 : 0.5 * (1 + Math.cos(Math.PI * (2 * progress - 1)));
  return {
    rate: learningRate * 0.5 * (1 - Math.cos(2 * Math.PI * turns)),
    dropout: dropout * late,
    decay: weightDecay * late,
  };
}
