import type { TextStep } from '#scoring';
import { hash32, neumaierSum, rowHash } from '#statistics';
import type { Design } from '../linear/design.ts';
import { addSparse } from '../linear/design.ts';
import { elasticNet, fitPath, validationJudge, type PathSettings } from '../linear/follow.ts';
import { linearLabels } from '../linear/member-rows.ts';
import { termCoefficients } from '../linear/columns.ts';
import type { StopAt } from '../clock.ts';
import type { MemberContext } from '../fit-member.ts';
import { RowPlaces } from '../row-places.ts';
import { countRows, trainingRows, type Member } from '../row-roles.ts';
import { SCORE_FOLDS } from './limits.ts';
import { linearObjective } from '../../blueprints/objective.ts';
import { dealtBy, offsetsOf } from '../target-rows.ts';
import { memberText, termColumns, textStep } from './member-text.ts';
import { textComponents, type TermOutputs } from './text-components.ts';
import { planText, textBlocks, type TextPlan } from './text-columns.ts';

const FOLD_SALT = 0x5a17_0006;

/** A path of few penalties: its scores are one feature among others, and trees correct them. */
const SCORE_PATH: PathSettings = { penalties: 16, penaltyRatio: 1e-3, earlyStoppingRounds: 2 };
const SCORE_NET = elasticNet(0.05, 1e-4);

/** An end that nothing moves: these rows' own predictions are made on the way. */
const stopsAt =
  (time: number): StopAt =>
  () =>
    time;

/** What trees read of a member's texts. */
export interface TextScores {
  /** Their columns follow those of all other steps. */
  readonly steps: readonly TextStep[];
  /** What stands in these columns in rows that the steps' coefficients were fitted on. */
  readonly heldOut: HeldOutScores;
  readonly stoppedByDeadline: boolean;
}

/** Scores of training rows by models that had not seen them. */
export interface HeldOutScores {
  readonly columnCount: number;
  /** The rows that have scores; of others the steps' own are as honest. */
  readonly rows: RowPlaces;
  /** Places x columns; NaN is missing. */
  readonly values: Float64Array;
}

/** Rows of the table with what a linear model learns from them. */
interface Part {
  readonly rows: Int32Array;
  readonly labels: Float64Array;
  readonly weights: Float64Array;
  readonly offsets: Float64Array | null;
}

/**
 * Fits a linear model on the terms of all texts, which gives the steps' coefficients, and others on parts of the same rows,
 * which give each training row a score by a model that has not seen its target. Without that trees would trust the scores far
 * more than they deserve in new rows. Rows of one group are in one part. Vocabulary and document frequencies are of all
 * training rows: they know no target.
 *
 * Parts end their paths where their own rows are predicted best; the model of all rows makes as many steps on average.
 *
 * Memory: 16 bytes an entry of the corpora while it runs; two bits a row of the table, and 8 bytes a held row and column of scores.
 *
 * @param componentCount of each text at most, beside its scores; they know no target, so that of all rows is all rows' own
 * @param stopAt when all must be done, on `io.now()`; what is late ends early
 * @see Wolpert 1992, "Stacked generalization"; H2O Driverless AI, transformer TextLinModel
 */
export async function scoreTexts(
  context: MemberContext<unknown>,
  member: Member,
  index: number,
  componentCount: number,
  stopAt: number,
): Promise<TextScores> {
  const { task, texts, roles, rows, io, outputCount, stops } = context;
  const objective = linearObjective(context.objective);
  const trains = trainingRows(roles, member);
  const all = partOf(context, (row) => trains(row) && texts.holds(row) && (rows.weights?.[row] ?? 1) > 0);
  const plans = texts.all.map((corpus, place) => {
    const isFirst = texts.all.findIndex(({ feature }) => feature === corpus.feature) === place;
    return planText(memberText(corpus, index, all.rows), all.rows, all.weights, isFirst);
  });
  const components = plans.flatMap(({ text }) => textComponents(text, all.rows, componentCount, task.seed));
  const heldOut = emptyScores(rows.rowCount, all.rows, plans.length * outputCount, components);
  const partIndexOf = partIndices(context, all.rows);
  const stepCounts: number[] = [];
  let stoppedByDeadline = false;
  const onStep = async (): Promise<void> => undefined;
  const timeFor = (left: number): number => io.now() + (stopAt - io.now()) / left;
  for (let fold = 0; fold < SCORE_FOLDS; fold += 1) {
    const training = subset(all, (place) => partIndexOf[place] !== fold);
    const validation = subset(all, (place) => partIndexOf[place] === fold);
    if (training.rows.length === 0 || validation.rows.length === 0) continue;
    const judged = { ...validation, design: designOf(plans, validation.rows) };
    const chosen = await fitPath(
      objective,
      { ...training, design: designOf(plans, training.rows) },
      outputCount,
      SCORE_PATH,
      SCORE_NET,
      {
        stopAt: stopsAt(timeFor(SCORE_FOLDS + 1 - fold)),
        stops,
        place: `texts-${index}-${fold}`,
        frozen: null,
        lateEnd: 'kept',
        judge: validationJudge(objective, judged, outputCount, io),
        onStep,
      },
      io,
    );
    stepCounts.push(chosen.iterations);
    stoppedByDeadline ||= chosen.stoppedByDeadline;
    writeScores(termCoefficients(plans, chosen.outputs), validation.rows, heldOut, 0);
  }
  const frozen = usualCount(stepCounts);
  const whole = await fitPath(
    objective,
    { ...all, design: designOf(plans, all.rows) },
    outputCount,
    SCORE_PATH,
    SCORE_NET,
    { stopAt: stopsAt(stopAt), stops, place: `texts-${index}`, frozen, lateEnd: 'kept', judge: null, onStep },
    io,
  );
  const made = termCoefficients(plans, whole.outputs).map(({ text, outputs }) => textStep(text, outputs));
  io.log?.(
    `${task.blueprintId}: ${made.map(({ terms }) => terms.length).join(' + ')} terms of texts, penalty ${frozen} of ${SCORE_PATH.penalties}`,
  );
  return {
    steps: [...made, ...components.map(componentStep)],
    heldOut,
    stoppedByDeadline: stoppedByDeadline || whole.stoppedByDeadline,
  };
}

/** The mean of some counts as a count, at least 1. */
const usualCount = (counts: readonly number[]): number =>
  Math.max(1, Math.round(counts.reduce((sum, count) => sum + count, 0) / Math.max(1, counts.length)));

function designOf(plans: readonly TextPlan[], rows: Int32Array): Design {
  return { rowCount: rows.length, blocks: plans.flatMap((plan) => textBlocks(plan, rows)) };
}

/** Weights sum up to 1. */
function normalised({ weights, ...part }: Part): Part {
  const total = neumaierSum(weights);
  return { ...part, weights: weights.map((weight) => weight / total) };
}

function partOf({ task, rows }: MemberContext<unknown>, wanted: (row: number) => boolean): Part {
  const labelOf = linearLabels(task, rows);
  const chosen = new Int32Array(countRows(rows.rowCount, wanted));
  for (let row = 0, place = 0; row < rows.rowCount; row += 1) {
    if (!wanted(row)) continue;
    chosen[place] = row;
    place += 1;
  }
  return normalised({
    rows: chosen,
    labels: Float64Array.from(chosen, labelOf),
    weights: Float64Array.from(chosen, (row) => rows.weights?.[row] ?? 1),
    offsets: offsetsOf(rows, wanted),
  });
}

function subset(part: Part, wanted: (place: number) => boolean): Part {
  const isIn = (_: number, place: number): boolean => wanted(place);
  return normalised({
    rows: part.rows.filter(isIn),
    labels: part.labels.filter(isIn),
    weights: part.weights.filter(isIn),
    offsets: part.offsets?.filter(isIn) ?? null,
  });
}

/** The part of each row, dealt by hash; rows that stay together in partitions are dealt together. */
function partIndices({ task, rows }: MemberContext<unknown>, chosen: Int32Array): Uint8Array {
  const salted = hash32(task.seed, FOLD_SALT);
  const keyOf = dealtBy(task, rows);
  return Uint8Array.from(chosen, (row) => rowHash(salted, keyOf(row)) % SCORE_FOLDS);
}

const componentStep = ({ text, outputs }: TermOutputs): TextStep => ({ ...textStep(text, outputs), components: true });

/** Scores that are not known yet, then components, which are. */
function emptyScores(
  rowCount: number,
  rows: Int32Array,
  scoreCount: number,
  components: readonly TermOutputs[],
): HeldOutScores {
  const bits = new Uint32Array(Math.ceil(rowCount / 32));
  for (const row of rows) bits[row >>> 5] = (bits[row >>> 5] ?? 0) | (1 << (row & 31));
  const columnCount = components.reduce((sum, { outputs }) => sum + outputs.length, scoreCount);
  const scores = {
    columnCount,
    rows: RowPlaces.ofRows(rowCount, rows),
    values: new Float64Array(rows.length * columnCount).fill(NaN),
  };
  writeScores(components, rows, scores, scoreCount);
  return scores;
}

/** Writes what each text adds to each output in some rows; where the text is missing NaN stays. */
function writeScores(
  texts: readonly TermOutputs[],
  rows: Int32Array,
  { columnCount, rows: scored, values }: HeldOutScores,
  firstColumn: number,
): void {
  let column = firstColumn;
  for (const { text, outputs } of texts) {
    const columns = termColumns(text, rows);
    for (const own of outputs) {
      const scores = new Float64Array(rows.length);
      addSparse(columns, own, scores, 0, 1);
      for (const [index, row] of rows.entries()) {
        if (text.corpus.isMissing[text.corpus.rows.placeOf(row)] === 1) continue;
        values[scored.placeOf(row) * columnCount + column] = scores[index] ?? NaN;
      }
      column += 1;
    }
  }
}
