import type { TrainingStatistics } from '#contracts';
import type { FitIo } from '../clock.ts';
import { rankMeeting } from '../rank-meeting.ts';
import type { StopBook } from '../stops.ts';
import type { Passes, SpanWork } from '../survey/passes.ts';
import { tellLost } from './bin-set.ts';
import { factsKey, readsTexts, type FactsTask } from './facts-key.ts';
import { groupFacts } from './group-facts.ts';
import {
  findFacts,
  writeFacts,
  type BinSample,
  type FoundFacts,
  type FoundSample,
  type SurveyedFacts,
} from './kept-facts.ts';

/** What earlier models of a project leave of the features of a fit's only member, and later ones find. */
export interface FactsKeeper {
  /** Null: the table is to be surveyed. */
  readonly found: FoundFacts | null;
  /** Leaves facts for later models, if it can. */
  readonly keep: (facts: SurveyedFacts, sample: BinSample) => Promise<void>;
  /** What a survey by a group is to do; null: it is done by one, or by each as by one. */
  readonly apart: SurveyApart | null;
}

/** What of a survey the ranks of a group do not make alike. */
export interface SurveyApart {
  /** Where fits of texts end. */
  readonly stops: StopBook;
  /** Whether the deadline ended those of which the facts are. */
  readonly isCut: boolean;
  /** Passes that all ranks make together; null where this rank makes them alone. */
  readonly passes: Passes | null;
  /** Tells the ranks that wait what was kept; null where nobody waits. */
  readonly tellRanks: (() => Promise<void>) | null;
}

/** The same for the member, who knows no statistics. */
export interface MemberFacts extends Pick<FactsKeeper, 'apart'> {
  readonly found: (Omit<SurveyedFacts, 'statistics'> & FoundSample) | null;
  readonly keep: (facts: Omit<SurveyedFacts, 'statistics'>, sample: BinSample) => Promise<void>;
}

/**
 * Looks for what is known of a task's features. A task that says where the fit of its texts ended makes a model of its own.
 *
 * @param work what passes of a group over the table are made of
 * @returns null where nothing is kept
 */
export async function factsKeeper(
  facts: FactsTask,
  stops: StopBook,
  work: SpanWork,
  io: FitIo,
): Promise<FactsKeeper | null> {
  const { bins, log } = io;
  const isReplayed = facts.task.stops !== undefined && readsTexts(facts);
  const store = isReplayed ? undefined : bins;
  const key = store === undefined ? '' : factsKey(facts, store.program, io.sha256);
  const meeting = rankMeeting(io);
  if (meeting !== null) return groupFacts(store, key, stops, meeting, work, io);
  if (store === undefined) return null;
  const lost = tellLost(log, 'what is known of the features is not kept');
  const found = await findFacts(store, key, io).catch(lost);
  if (found !== null) log?.('the features are not surveyed: an earlier model has left what is known of them');
  return {
    found,
    apart: null,
    keep: async (surveyed, sample) => {
      await writeFacts(store, key, surveyed, sample, io).catch(lost);
    },
  };
}

export const memberFacts = (
  keeper: FactsKeeper | null,
  statistics: readonly TrainingStatistics[],
): MemberFacts | null =>
  keeper === null ? null : { ...keeper, keep: (facts, sample) => keeper.keep({ ...facts, statistics }, sample) };
