import type { ManifestStep, TrainTask } from '#contracts';
import { createRandom, hash32 } from '#statistics';
import type { NetworkSettings } from '../../blueprints/network-settings.ts';
import { constantScores } from '../baseline.ts';
import { refitTooLate } from '../boost.ts';
import { checkCancelled, type StopAt } from '../clock.ts';
import type { MemberContext } from '../fit-member.ts';
import { columnFields, columnSpecs, encodeRows, type EncodedPart } from '../linear/member-rows.ts';
import { trainingRows, type Member } from '../row-roles.ts';
import { invalidState } from '../state-file.ts';
import { stoppingLoss } from '../stopping-loss.ts';
import { fieldMeans } from './field-means.ts';
import { placeRows, planInputs, type InputColumn, type PlacedRows } from './input-columns.ts';
import { BATCH_ROWS, BATCH_ROWS_MIN, TURN_BATCHES } from './limits.ts';
import { Network } from './network.ts';
import type { FinishedNetwork, RunningNetwork } from './network-state.ts';
import { initialParameters, layoutOf, type ParameterLayout } from './parameters.ts';
import { epochsInTime, isSpent, stepSizes } from './schedule.ts';
import { batchGradient, targetScale, type BatchGradient, type TargetScale } from './target-scale.ts';
import { networkArrays } from './to-arrays.ts';

const START_SALT = 0x5a17_0052;
const EPOCH_SALT = 0x5a17_0053;

/** Rows of the table that a fit sees altogether where the settings name no epochs, and bounds of these. */
const ROWS_SEEN = 525_000;
const EPOCHS_MIN = 16;
const EPOCHS_MAX = 64;

/** The artefact's evaluator, in double precision and row by row, takes so many times as long as a look at the validation rows during the fit. */
const SCORER_RATIO = 10;

/** Epochs of the schedule of a fit that is in time; a refit makes a whole one in as many as its twin kept. */
export function epochsOf({ epochs }: NetworkSettings, { table, sampleFraction, refit }: TrainTask): number {
  const usual = Math.round(ROWS_SEEN / Math.max(1, table.rowCount * sampleFraction));
  const whole = epochs > 0 ? epochs : Math.min(EPOCHS_MAX, Math.max(EPOCHS_MIN, usual));
  return refit?.iterations ?? whole;
}

/** The part of its twin's epochs that a refit makes at least: below it the network is another one. */
const REFIT_EPOCHS_SHARE_MIN = 0.6;
/** A refit goes on if this part of its expected time is left: what it would give up is worth more than the time. */
const REFIT_LATE_SHARE = 0.8;

/** How `StopBook` calls the epochs of a member. */
export const networkPlace = (member: number): string => `network-${member}`;

/** How it calls the epochs of a member's schedule, where the deadline has made it shorter. */
export const schedulePlace = (member: number): string => `network-schedule-${member}`;

/** When a network must end, where it begins, and who is told. */
export interface NetworkRun {
  readonly stopAt: StopAt;
  /** What an earlier fit has come to; null: nothing. */
  readonly resumed: RunningNetwork | null;
  /** Awaited while an epoch is made, with how much of all is done, in epochs. */
  readonly onTurn: (epochs: number) => Promise<void>;
  /** Called after each epoch that another one follows. */
  readonly onEpoch: (running: () => RunningNetwork) => Promise<void>;
}

/**
 * Fits the copies of a network on a member's training rows side by side, epoch by epoch, and keeps the epoch after which their mean is best on
 * its fold; it ends early where a whole turn of the rate has brought nothing. Where the deadline is near the schedule is shorter. A refit makes
 * as many epochs as its twin kept on average, as a whole schedule: broken off while its rate is high, a network is much worse. Its first copy too makes
 * a shorter one where time is short, of three fifths at least.
 *
 * The same task gives the same parameters to the last bit: each epoch's order and random numbers have a seed of their own, and all sums
 * are of a fixed order. Memory: as a linear model while rows are read, then 6 bytes a cell; 20 bytes a parameter and copy.
 *
 * @param index number of the member, for seeds
 * @throws TASK_DEADLINE when a refit cannot make its epochs in time; TASK_CANCELLED; ARTIFACT_INVALID where what is resumed is of
 *   another shape
 */
export async function fitNetworkMember(
  context: MemberContext<NetworkSettings>,
  member: Member,
  index: number,
  steps: readonly ManifestStep[],
  run: NetworkRun,
): Promise<FinishedNetwork> {
  const { task, settings, stops, io } = context;
  const shape = await readMember(context, member, steps);
  const { network: networks, layout } = copiesOf(context, shape, index);
  const usual = epochsOf(settings, task);
  const frozen = task.refit?.iterations ?? null;
  const judge = frozen === null ? judgeOf(context, member, shape) : null;
  const best = bestKeeper(networks, run.resumed);
  let { lookMs, epochs: made, planned: epochs } = run.resumed ?? { lookMs: 0, epochs: 0, planned: usual };
  if (epochs < usual) stops.note(schedulePlace(index), epochs);
  if (run.resumed !== null) resume(networks, run.resumed);
  const startedAt = io.now();
  const resumedAt = made;
  let stoppedByDeadline = false;
  while (made < epochs && !stoppedByDeadline) {
    const isTooLate = (): boolean => {
      const each = made === resumedAt ? 0 : (io.now() - startedAt) / (made - resumedAt);
      const left = frozen === null || made === resumedAt ? 1 : REFIT_LATE_SHARE * (epochs - made);
      return io.now() + left * each > run.stopAt(lookMs);
    };
    if (made > 0 && stops.ends(networkPlace(index), made, isTooLate)) {
      stoppedByDeadline = true;
      break;
    }
    if (made > 0 && frozen === null && isSpent(made, epochs, best.told().bestEpochs)) break;
    await makeEpoch(context, shape, networks, { member: index, epoch: made, epochs }, run);
    made += 1;
    const judgedAt = io.now();
    best.offer(made, judge?.(networks) ?? -made);
    lookMs = SCORER_RATIO * (io.now() - judgedAt);
    // A further copy of a refit can be done without.
    if (made === 1 && (frozen === null || index === 0)) {
      const least = frozen === null ? 1 : Math.ceil(REFIT_EPOCHS_SHARE_MIN * frozen);
      const inTime = (): number | null => {
        const now = io.now();
        const fitting = Math.max(least, epochsInTime(usual, now - startedAt, run.stopAt(lookMs) - now));
        return fitting < usual ? fitting : null;
      };
      epochs = stops.decided(schedulePlace(index), inTime) ?? usual;
    }
    if (made < epochs)
      await run.onEpoch(() => ({
        ...best.told(),
        epochs: made,
        planned: epochs,
        lookMs,
        numbers: numbersOf(networks, best.parameters()),
      }));
  }
  if (frozen !== null && stoppedByDeadline) throw refitTooLate(made, frozen);
  const copies = best.parameters();
  for (const [copy, network] of networks.entries()) network.parameters.set(copies[copy] ?? network.parameters);
  const means = networks.map((network) =>
    fieldMeans(network, shape.columns, layout, shape.fieldOf, shape.training, shape.trained.weights, shape.batchRows),
  );
  return {
    network: networkArrays({ ...shape, layout, copies, shift: context.shiftOf(member), means }),
    iterations: best.told().bestEpochs,
    epochs: made,
    planned: epochs,
    stoppedByDeadline,
    lookMs,
  };
}

/** A member's rows as a network reads them. */
interface MemberShape {
  readonly columns: readonly InputColumn[];
  readonly fieldOf: readonly number[];
  readonly training: PlacedRows;
  readonly trained: EncodedPart;
  readonly validation: PlacedRows;
  readonly judged: EncodedPart;
  readonly scale: TargetScale;
  readonly gradient: BatchGradient;
  readonly batchRows: number;
}

async function readMember(
  context: MemberContext<NetworkSettings>,
  member: Member,
  steps: readonly ManifestStep[],
): Promise<MemberShape> {
  const { task, settings, objective, outputCount, rows, roles } = context;
  const { training: trained, validation: judged } = await encodeRows(context, member, steps);
  const columns = columnSpecs(context, steps).map((spec, column) =>
    planInputs(spec, trained.columns[column] ?? new Float64Array(0), settings.numberBins),
  );
  const constants = constantScores(task.target, objective, rows, trainingRows(roles, member));
  const labels = trained.labels.map((label, row) => label - (trained.offsets?.[row] ?? 0));
  const scale = targetScale(objective.glm, constants, labels, trained.weights);
  const some = Math.max(BATCH_ROWS_MIN, Math.floor(trained.rowCount / 8));
  return {
    columns,
    fieldOf: columnFields(steps),
    training: placeRows(columns, trained.columns, trained.rowCount),
    trained,
    validation: placeRows(columns, judged.columns, judged.rowCount),
    judged,
    scale,
    gradient: batchGradient(objective.glm, trained, scale, outputCount),
    batchRows: Math.min(BATCH_ROWS, some - (some % 4)),
  };
}

function copiesOf(
  { task, settings, outputCount }: MemberContext<NetworkSettings>,
  { columns, fieldOf, batchRows }: MemberShape,
  member: number,
): { readonly network: readonly Network[]; readonly layout: ParameterLayout } {
  const layout = layoutOf(columns, fieldOf, settings.units, outputCount);
  const network = Array.from({ length: settings.copies }, (_, copy) => {
    const seed = hash32(task.seed, START_SALT, member, copy);
    return new Network(columns, layout, batchRows, initialParameters(columns, layout, seed));
  });
  return { network, layout };
}

/** One pass of all copies over the training rows, each in an order of its own. */
async function makeEpoch(
  { task, settings, io }: MemberContext<NetworkSettings>,
  { training, batchRows, gradient }: MemberShape,
  networks: readonly Network[],
  { member, epoch, epochs }: { readonly member: number; readonly epoch: number; readonly epochs: number },
  { onTurn }: NetworkRun,
): Promise<void> {
  const stepCount = Math.max(1, Math.floor(training.rowCount / batchRows));
  const chosen = new Uint32Array(batchRows);
  for (const [copy, network] of networks.entries()) {
    const random = createRandom(hash32(task.seed, EPOCH_SALT, member, copy, epoch));
    network.begin([random.uint32(), random.uint32(), random.uint32(), random.uint32()]);
    const order = shuffled(training.rowCount, random);
    for (let step = 0; step < stepCount; step += 1) {
      for (let place = 0; place < batchRows; place += 1)
        chosen[place] = order[(step * batchRows + place) % order.length] ?? 0;
      const sizes = stepSizes(settings, (epoch + step / stepCount) / epochs);
      network.train(
        training,
        chosen,
        (outputs, gradients) => gradient(chosen, outputs, gradients, network.outputWidth),
        epoch * stepCount + step + 1,
        sizes,
      );
      if (step % TURN_BATCHES !== TURN_BATCHES - 1) continue;
      await onTurn(epoch + (copy + step / stepCount) / networks.length);
      checkCancelled(io);
    }
  }
  await onTurn(epoch + 1);
}

/** 0, 1, ... in a random order. @see Durstenfeld 1964, "Algorithm 235: Random permutation" */
function shuffled(count: number, random: ReturnType<typeof createRandom>): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    const kept = order[last] ?? 0;
    order[last] = order[other] ?? 0;
    order[other] = kept;
  }
  return order;
}

/** The validation loss of the copies' mean; the largest number where it is none. */
function judgeOf(
  context: MemberContext<NetworkSettings>,
  member: Member,
  { validation, judged, scale, batchRows }: MemberShape,
): (networks: readonly Network[]) => number {
  const { objective, outputCount } = context;
  const term = stoppingLoss(objective, judged.labels, outputCount);
  const shift = context.shiftOf(member);
  const raw = new Float64Array(judged.rowCount * outputCount);
  const rows = Uint32Array.from({ length: judged.rowCount }, (_, row) => row);
  return (networks) => {
    for (let at = 0; at < raw.length; at += 1) {
      const output = at % outputCount;
      raw[at] = (scale.base[output] ?? 0) + (shift?.[output] ?? 0) + (judged.offsets?.[at] ?? 0);
    }
    for (const network of networks)
      for (let from = 0; from < rows.length; from += batchRows) {
        const chosen = rows.subarray(from, from + batchRows);
        const outputs = network.outputs(validation, chosen);
        for (let row = 0; row < chosen.length; row += 1)
          for (let output = 0; output < outputCount; output += 1) {
            const at = (from + row) * outputCount + output;
            raw[at] =
              (raw[at] ?? 0) + (scale.unit * (outputs[row * network.outputWidth + output] ?? 0)) / networks.length;
          }
      }
    let loss = 0;
    for (let row = 0; row < judged.rowCount; row += 1)
      loss += (judged.weights[row] ?? 0) * term(raw, row * outputCount, row);
    return Number.isFinite(loss) ? loss : Number.MAX_VALUE;
  };
}

/** Keeps the parameters of the epoch of the least loss. */
function bestKeeper(networks: readonly Network[], resumed: RunningNetwork | null) {
  const kept = networks.map(({ parameters }) => parameters.slice());
  let { bestEpochs, bestLoss } = resumed ?? { bestEpochs: 0, bestLoss: Infinity };
  if (resumed !== null) for (const [copy, own] of kept.entries()) own.set(piece(resumed.numbers, copy, 3, own.length));
  return {
    offer: (epochs: number, loss: number): void => {
      if (bestEpochs > 0 && !(loss < bestLoss)) return;
      [bestEpochs, bestLoss] = [epochs, loss];
      for (const [copy, { parameters }] of networks.entries()) kept[copy]?.set(parameters);
    },
    told: () => ({ bestEpochs, bestLoss }),
    parameters: (): readonly Float32Array[] => kept,
  };
}

const PIECES = 4;

/** Part `which` of a copy's numbers in a running state. */
const piece = (numbers: Float32Array, copy: number, which: number, length: number): Float32Array =>
  numbers.subarray((PIECES * copy + which) * length, (PIECES * copy + which + 1) * length);

function numbersOf(networks: readonly Network[], best: readonly Float32Array[]): Float32Array {
  const length = networks[0]?.parameters.length ?? 0;
  const numbers = new Float32Array(PIECES * networks.length * length);
  for (const [copy, { parameters, moments, squares }] of networks.entries())
    for (const [which, from] of [parameters, moments, squares, best[copy] ?? parameters].entries())
      piece(numbers, copy, which, length).set(from);
  return numbers;
}

function resume(networks: readonly Network[], { numbers }: RunningNetwork): void {
  const length = networks[0]?.parameters.length ?? 0;
  if (numbers.length !== PIECES * networks.length * length)
    invalidState(`${numbers.length} numbers of a running member, expected ${PIECES * networks.length * length}`);
  for (const [copy, { parameters, moments, squares }] of networks.entries())
    for (const [which, to] of [parameters, moments, squares].entries()) to.set(piece(numbers, copy, which, length));
}
