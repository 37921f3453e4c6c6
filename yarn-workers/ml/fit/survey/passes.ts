import type { RowSpan } from '#contracts';
import type { PassOrder } from './pass-order.ts';
import type { StateParts } from './state-parts.ts';

/** A pass over spans of a table that meet: the state of each, in their order. */
export type SpanPass = (spans: readonly RowSpan[]) => AsyncIterable<StateParts>;

/** Passes over all spans of a table. */
export interface Passes {
  /** @param merge given the state of each span, in their order */
  over(order: PassOrder, merge: (state: StateParts) => void): Promise<void>;
}

/** What passes are made of, on each rank of a group. */
export interface SpanWork {
  readonly spans: readonly RowSpan[];
  /** An order says all that decides about a pass and is not known from the task. */
  readonly passOf: (order: PassOrder) => SpanPass;
}

/** Passes of one process. */
export const passesAlone = ({ spans, passOf }: SpanWork): Passes => ({
  over: async (order, merge) => {
    for await (const state of passOf(order)(spans)) merge(state);
  },
});
