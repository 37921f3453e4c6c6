import { toAppError } from '#contracts';
import type { FitIo } from './clock.ts';

/** How the states of one kind of fit are written, read and told apart. */
export interface StateFormat<State> {
  /** What a fit begins with that has nothing to go on from. */
  readonly empty: State;
  /** @throws ARTIFACT_INVALID where the bytes are no state of this task */
  readonly decode: (bytes: Uint8Array) => State;
  readonly encode: (state: State) => Uint8Array;
  /** See `FitCheckpoint.position`. */
  readonly positionOf: (state: State) => number;
  /** See `FitCheckpoint.sizeBytes`. */
  readonly bytesOf: (state: State) => number;
  /** Where a fit goes on, in words for the log. */
  readonly placeOf: (state: State) => string;
}

/** Reads the state that a fit begins from and hands out those that it comes to. */
export function stateKeeper<State>(
  io: Pick<FitIo, 'resumeFrom' | 'onCheckpoint' | 'log'>,
  { empty, decode, encode, positionOf, bytesOf, placeOf }: StateFormat<State>,
) {
  return {
    begin: (): State => {
      const { resumeFrom = null } = io;
      if (resumeFrom === null) return empty;
      try {
        const state = decode(resumeFrom);
        io.log?.(`resumed ${placeOf(state)}`);
        return state;
      } catch (err) {
        io.log?.(`the checkpoint is of no use, the fit begins anew: ${toAppError(err).message}`);
        return empty;
      }
    },
    offer: async (state: State): Promise<void> => {
      await io.onCheckpoint?.({
        position: positionOf(state),
        sizeBytes: bytesOf(state),
        encode: () => encode(state),
      });
    },
  };
}
