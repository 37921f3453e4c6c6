import type { StepSizes } from './network.ts';

/** How far a fit is from its beginning (0) to its end (1). */
type Progress = number;

/** The rate goes up and down four times, each time twice as long: whenever it is low the network can be taken as it is. */
const CYCLES = 4;

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
  const turns = Math.log2(1 + (2 ** CYCLES - 1) * progress);
  const late = progress < 0.5 ? 1 : 0.5 * (1 + Math.cos(Math.PI * (2 * progress - 1)));
  return {
    rate: learningRate * 0.5 * (1 - Math.cos(2 * Math.PI * turns)),
    dropout: dropout * late,
    decay: weightDecay * late,
  };
}
