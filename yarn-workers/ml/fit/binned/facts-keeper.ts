import type { TrainingStatistics } from '#contracts';
import type { FitIo } from '../clock.ts';
import { BinsLost } from './bin-store.ts';
import { factsKey, readsTexts, type FactsTask } from './facts-key.ts';
import { findFacts, writeFacts, type BinSample, type FoundFacts, type SurveyedFacts } from './kept-facts.ts';

/** What earlier models of a project leave of the features of a fit's only member, and later ones find. */
export interface FactsKeeper {
  /** Null: the table is to be surveyed. */
  readonly found: FoundFacts | null;
  /** Leaves facts for later models, if it can. */
  readonly keep: (facts: SurveyedFacts, sample: BinSample) => Promise<void>;
}

/** The same for the member, who knows no statistics. */
export interface MemberFacts {
  readonly found: FoundFacts | null;
  readonly keep: (facts: Omit<SurveyedFacts, 'statistics'>, sample: BinSample) => Promise<void>;
}

/**
 * Looks for what is known of a task's features. A task that says where the fit of its texts ended makes a model of its own.
 *
 * @returns null where nothing is kept
 */
export async function factsKeeper(facts: FactsTask, io: FitIo): Promise<FactsKeeper | null> {
  const { bins: store, ranks, log } = io;
  const isReplayed = facts.task.stops !== undefined && readsTexts(facts);
  if (store === undefined || ranks !== undefined || isReplayed) return null;
  const key = factsKey(facts, store.program, io.sha256);
  const tell = (err: unknown): null => {
    if (!(err instanceof BinsLost)) throw err;
    log?.(`what is known of the features is not kept: ${err.message}`);
    return null;
  };
  const found = await findFacts(store, key, io).catch(tell);
  if (found !== null) log?.('the features are not surveyed: an earlier model has left what is known of them');
  return {
    found,
    keep: async (surveyed, sample) => {
      await writeFacts(store, key, surveyed, sample, io).catch(tell);
    },
  };
}

export const memberFacts = (
  keeper: FactsKeeper | null,
  statistics: readonly TrainingStatistics[],
): MemberFacts | null =>
  keeper === null
    ? null
    : { found: keeper.found, keep: (facts, sample) => keeper.keep({ ...facts, statistics }, sample) };
