import { canonicalJson, type ManifestStep } from '#contracts';
import { columnCountOf } from '#scoring';
import type { FittedMember } from './assemble.ts';
import { memberStopAt, report, type FinishTimes } from './clock.ts';
import { averagesTrees } from '../blueprints/settings.ts';
import { encodeCategories, knownEncodings, type CategoryEncodings } from './categories/encode-categories.ts';
import { BinsLost } from './binned/bin-store.ts';
import type { MemberFacts, SurveyApart } from './binned/facts-keeper.ts';
import type { BinSample } from './binned/kept-facts.ts';
import { tableEncoder } from './encoder.ts';
import type { FeatureSurvey } from './feature-survey.ts';
import { boostPlace } from './boost.ts';
import { fitMember, type MemberContext } from './fit-member.ts';
import { decodeState, EMPTY_STATE, encodeState, stateBytes, type FinishedMember, type FitState } from './fit-state.ts';
import type { HeldBackRows } from './held-back-rows.ts';
import { memberSample } from './member-sample.ts';
import { membersInOrder } from './members-in-order.ts';
import { membersPackMs } from './model-bytes.ts';
import { checkAgreement } from './rank-group.ts';
import { baggedRows, trainingRows, type Member } from './row-roles.ts';
import { segmentLength } from './segment-length.ts';
import { stateKeeper, type StateFormat } from './state-keeper.ts';
import { SCORES_TIME_SHARE } from './text/limits.ts';
import { scoreTexts, type TextScores } from './text/score-texts.ts';
import { iterationsOf, treesBytes } from './trees.ts';

/** A member with what its fit says beside the model. */
export type BoostedMember = FittedMember & {
  readonly iterations: number | null;
  readonly stoppedByDeadline: boolean;
  /** The rows that the only member is to predict, where they are at hand; whoever has them closes them. */
  readonly heldBack?: HeldBackRows;
  /** Fitted on nothing but the rows that memory holds, of more that there are to train on. @default false */
  readonly heldRowsOnly?: boolean;
};

/**
 * Fits the members one after the other; with a deadline each gets an equal part of what is left. The copies of a refit are
 * made one by one in what is left, and one that comes too late is left out if there is another. Goes on from `io.resumeFrom`
 * if it is a state of this task.
 *
 * @param times what is needed after boosting
 */
export async function boostMembers(
  context: MemberContext,
  { stepsOf, levelsOf }: Pick<FeatureSurvey, 'stepsOf' | 'levelsOf'>,
  times: FinishTimes,
): Promise<BoostedMember[]> {
  const { io, roles } = context;
  const { members } = roles;
  const isRefit = context.task.refit !== null;
  // The copies of a refit read the same rows.
  const distinct = isRefit ? members.slice(0, 1) : members;
  const { ownEncodings, ownScores, facts } = await ownColumns(context, distinct, { stepsOf, levelsOf }, times);
  const encodings = members.map((_, index) => ownEncodings[isRefit ? 0 : index]);
  const scores = members.map((_, index) => ownScores[isRefit ? 0 : index]);
  const steps = members.map((_, index) => [...(encodings[index]?.steps ?? []), ...(scores[index]?.steps ?? [])]);
  const segmentIterations = segmentsOf(context);
  const states = stateKeeper(io, stateFormat(context, steps, segmentIterations));
  const begin = states.begin();
  const finished: FinishedMember[] = [...begin.finished];
  noteStops(context, finished);
  const heldBackOf = new Map<number, HeldBackRows>();
  const memberAt = async (index: number, member: Member): Promise<FinishedMember> => {
    const validateMs = finished.reduce((sum, one) => sum + one.validateMs, 0);
    const packing = membersPackMs(
      finished.map(({ trees }) => trees),
      members.length,
    );
    const left = { ...times, finishMs: times.finishMs + packing };
    const stopAt = isRefit
      ? memberStopAt(io, left, 0, 0, 1)
      : memberStopAt(io, left, validateMs, index, members.length);
    const resumed = index === begin.finished.length ? begin.running : [];
    const progress = progressOf(context, index);
    const tell = async (iterations: number): Promise<void> => {
      const { fraction, phase, message } = progress(iterations);
      await report(io, fraction, phase, message, iterations);
    };
    await tell(resumed.length * segmentIterations);
    const { heldBack, ...fitted } = await fitMember(
      { ...context, facts },
      member,
      index,
      steps[index] ?? [],
      { texts: scores[index]?.heldOut ?? null, categories: encodings[index]?.heldOut ?? null, history: null },
      {
        stopAt,
        ...{ resumed, segmentIterations },
        onIteration: (iterations) => io.onIteration?.(progress(iterations)),
        onSegment: async (iterationCount, segments) => {
          await tell(iterationCount);
          const last = segments?.at(-1);
          if (last !== undefined && io.ranks !== undefined)
            checkAgreement(io.ranks, `trees up to iteration ${iterationCount}`, io.sha256(treesBytes(last)));
          if (segments !== null) await states.offer({ finished: [...finished], running: [...segments] });
        },
      },
    );
    if (heldBack !== null) heldBackOf.set(index, heldBack);
    return fitted;
  };
  await membersInOrder(context, finished, memberAt, () => states.offer({ finished: [...finished], running: [] }));
  return boostedMembers(members, finished, steps, scores, heldBackOf);
}

/** What members read of categories and texts, and the facts of a single one, where they may be left for later models. */
async function ownColumns(
  context: MemberContext,
  members: readonly Member[],
  { stepsOf, levelsOf }: Pick<FeatureSurvey, 'stepsOf' | 'levelsOf'>,
  times: FinishTimes,
): Promise<{ ownEncodings: CategoryEncodings[]; ownScores: TextScores[]; facts: MemberContext['facts'] }> {
  const { facts, stops } = context;
  const found = facts?.found ?? null;
  const apart = facts?.apart ?? null;
  const ownEncodings: CategoryEncodings[] = [];
  for (const member of members)
    ownEncodings.push(
      found === null
        ? await encodeCategories(context, member, stepsOf(member), levelsOf)
        : knownEncodings(context, member, found.steps, found.encodings),
    );
  const knownTexts = found?.texts ?? null;
  const ownScores =
    knownTexts === null
      ? await scoresOfTexts({ ...context, stops: apart?.stops ?? stops }, members, times)
      : [{ steps: [], heldOut: knownTexts, stoppedByDeadline: apart?.isCut ?? false }];
  if (facts !== null && apart !== null)
    return {
      ownEncodings,
      ownScores,
      facts: await tellingRanks(context, { ...facts, apart }, ownEncodings, ownScores),
    };
  // What a deadline has ended is of no use to others.
  const isUsual = ownScores.every(({ stoppedByDeadline }) => !stoppedByDeadline);
  return { ownEncodings, ownScores, facts: isUsual ? facts : null };
}

/** Keeps what ranks wait for, and tells them; the facts as if they had been found. */
async function tellingRanks(
  context: MemberContext,
  facts: MemberFacts & { readonly apart: SurveyApart },
  [encodings]: readonly CategoryEncodings[],
  [scores]: readonly TextScores[],
): Promise<MemberFacts> {
  const { apart } = facts;
  const { task, features, source, roles, io } = context;
  const [member] = roles.members;
  if (apart.tellRanks === null || member === undefined) return facts;
  const steps = [...(encodings?.steps ?? []), ...(scores?.steps ?? [])];
  const heldOut = { texts: scores?.heldOut ?? null, categories: encodings?.heldOut ?? null, history: null };
  const encoder = tableEncoder(features, steps, source, io.signal, heldOut);
  const isTraining = trainingRows(roles, member);
  const isInBag = baggedRows(member, task.seed);
  const trains = (row: number): boolean => isTraining(row) && isInBag(row);
  let sample: BinSample | null = await memberSample(context, { encoder, steps, heldOut }, trains);
  await apart.tellRanks();
  const readSample = async (): Promise<BinSample> => {
    const given = sample;
    sample = null;
    if (given === null) throw new BinsLost('the rows that bins are found from were given');
    return given;
  };
  const found = { steps, encodings: heldOut.categories?.encodings ?? [], texts: heldOut.texts, readSample };
  return { ...facts, found };
}

function boostedMembers(
  members: readonly Member[],
  finished: readonly FinishedMember[],
  steps: readonly (readonly ManifestStep[])[],
  scores: readonly (TextScores | undefined)[],
  heldBackOf: ReadonlyMap<number, HeldBackRows>,
): BoostedMember[] {
  const isShort = finished.length < members.length;
  const areBags = members.some(({ bag }) => bag !== undefined);
  return finished.map(({ trees, iterations, stoppedByDeadline }, index) => ({
    steps: steps[index] ?? [],
    model: { trees },
    ...(areBags && members[index]?.bag === undefined ? { votes: WHOLE_VOTES } : {}),
    ...withRows(heldBackOf.get(index)),
    iterations,
    stoppedByDeadline: isShort || stoppedByDeadline || scores[index]?.stoppedByDeadline === true,
  }));
}

const withRows = (heldBack: HeldBackRows | undefined): { heldBack?: HeldBackRows } =>
  heldBack === undefined ? {} : { heldBack };

/** What a copy of all rows counts beside bags: `docs/adr/0049-bagged-refits.md` has figures. */
const WHOLE_VOTES = 3;

/** Where an earlier attempt of the fit ended members by its deadline. */
function noteStops({ stops }: MemberContext, finished: readonly FinishedMember[]): void {
  for (const [index, { stoppedByDeadline, iterations }] of finished.entries())
    if (stoppedByDeadline) stops.note(boostPlace(index), iterations);
}

/** The scores of the texts for each member, where the blueprint reads some: they are fitted before any tree is grown, which needs no texts then. */
export async function scoresOfTexts(
  context: MemberContext<{ readonly textComponents: number }>,
  members: readonly Member[],
  times: FinishTimes,
): Promise<TextScores[]> {
  const { io, texts, settings } = context;
  const scores: TextScores[] = [];
  for (const [index, member] of texts.all.length === 0 ? [] : members.entries()) {
    const name = members.length === 1 ? 'the texts' : `the texts of ${nameOf(context, index)}`;
    await report(io, 0.03, 'texts', `fitting ${name}`);
    const left = memberStopAt(io, times, 0, 0, 1)(0) - io.now();
    const stopAt = io.now() + (SCORES_TIME_SHARE * left) / (members.length - SCORES_TIME_SHARE * index);
    scores.push(await scoreTexts(context, member, index, settings.textComponents, stopAt));
  }
  texts.release();
  return scores;
}

const maxIterationsOf = ({ task, settings }: Pick<MemberContext, 'task' | 'settings'>): number =>
  task.refit?.iterations ?? settings.maxIterations;

/** What a member of several is called. */
const nameOf = ({ task, roles: { members } }: Pick<MemberContext, 'task' | 'roles'>, index: number): string =>
  `${task.refit === null ? 'fold' : 'copy'} ${index + 1} of ${members.length}`;

function progressOf(context: MemberContext, index: number) {
  const count = context.roles.members.length;
  const maxIterations = maxIterationsOf(context);
  const name = count === 1 ? '' : `${nameOf(context, index)}: `;
  return (iteration: number) => ({
    fraction: 0.05 + (0.85 * (index + iteration / maxIterations)) / count,
    phase: 'boosting',
    message: `${name}iteration ${iteration} of ${maxIterations}`,
    iteration,
  });
}

const segmentsOf = ({ task, settings, rows, io }: MemberContext): number =>
  segmentLength(task, settings, rows.offsets.length > 0, io.ranks?.size ?? 1, io.segmentCells);

/** The states of a fit of boosted trees. */
function stateFormat(
  context: MemberContext,
  steps: readonly (readonly ManifestStep[])[],
  segmentIterations: number,
): StateFormat<FitState> {
  const { task, engine, settings, outputCount, io } = context;
  const maxIterations = maxIterationsOf(context);
  const segmentsMax = Math.ceil(maxIterations / segmentIterations);
  // What trees read of texts is fitted, and a deadline may have ended that fit elsewhere.
  const texts = steps.flat().filter(({ kind }) => kind === 'text-scores');
  const decisive = canonicalJson({
    task,
    engine: engine.name,
    segmentIterations,
    ...(texts.length === 0 ? {} : { texts }),
  });
  const taskSha256 = io.sha256(new TextEncoder().encode(decisive));
  return {
    empty: EMPTY_STATE,
    decode: (bytes) => {
      const columnCounts = steps.map(columnCountOf);
      const averageOutput = averagesTrees(settings);
      const rules = { taskSha256, columnCounts, outputCount, averageOutput, maxIterations, segmentIterations };
      return decodeState(bytes, rules, io.sha256);
    },
    encode: (state) => encodeState(state, taskSha256, io.sha256),
    positionOf: ({ finished, running }) => finished.length * (segmentsMax + 1) + running.length,
    bytesOf: stateBytes,
    placeOf: (state) => placeOf(state, context),
  };
}

function placeOf({ finished, running }: FitState, context: MemberContext): string {
  const memberCount = context.roles.members.length;
  const iteration = running.reduce((sum, trees) => sum + iterationsOf(trees), 0);
  const place = `at iteration ${iteration}`;
  if (finished.length === memberCount) return 'after the last iteration';
  return memberCount === 1 ? place : `${place} of ${nameOf(context, finished.length)}`;
}
