import type { ChallengerAssignment } from '#contracts';
import type { Logger } from '#runtime';
import { withThreshold, type RowPrediction, type Scorer } from '#scoring';
import type { ServedDeployment } from '../deployments.ts';
import { associationId } from '../http/carried.ts';
import type { MetricFamily } from '../http/metrics/exposition.ts';
import type { InputRows } from '../http/rows.ts';
import { scorerRows, type ScorerRows } from '../http/scorer-rows.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { ChallengerModels } from './challenger-models.ts';
import { createShadowCounts, type ShadowCounts } from './shadow-counts.ts';

/** Rows that wait, and bytes of the requests that they came in, at most; what comes then is dropped and counted. */
const WAITING_ROWS_MAX = 10_000;
const WAITING_BYTES_MAX = 16 * 1024 * 1024;
/** How long rows are predicted without a look at whether a request has come, milliseconds; one row always is. */
const SLICE_MS = 0.2;
/** Pause before it is looked again whether no request is under way, milliseconds. */
const BUSY_MS = 2;

/** Rows that have been answered. */
export interface AnsweredRows {
  readonly served: ServedDeployment;
  readonly input: InputRows;
  readonly associationColumn: string;
  readonly bodyBytes: number;
}

/**
 * Predicts answered rows by challengers too, once they have been answered and while no request is under way. A request that comes
 * meanwhile waits for the one row that is being predicted, and no longer.
 */
export interface Shadow {
  /** Takes rows that a deployment with challengers has answered. */
  readonly offer: (rows: AnsweredRows) => void;
  readonly families: () => MetricFamily[];
  /** Forgets what waits. */
  readonly close: () => void;
}

export interface ShadowOptions {
  readonly models: ChallengerModels;
  readonly telemetry: Telemetry;
  readonly isBusy: () => boolean;
  readonly logger: Logger;
  /** In [0, 1): draws rows. */
  readonly random: () => number;
}

/** Rows that wait for one challenger. */
interface Task {
  readonly answered: AnsweredRows;
  readonly assignment: ChallengerAssignment;
  /** Of the request, by index. */
  readonly rows: readonly number[];
  next: number;
}

export function createShadow(options: ShadowOptions): Shadow {
  const counts = createShadowCounts();
  const waiting: Task[] = [];
  let [waitingRows, waitingBytes] = [0, 0];
  let current: ShadowRun | null = null;
  let timer: NodeJS.Timeout | NodeJS.Immediate | null = null;
  let isClosed = false;

  const later = (): void => {
    if (timer === null && !isClosed) timer = setTimeout(pump, BUSY_MS);
  };
  const pump = (): void => {
    timer = null;
    const end = performance.now() + SLICE_MS;
    while (!options.isBusy()) {
      current ??= begin();
      if (current === null) return;
      if (current.advance()) current = null;
      if (performance.now() >= end) {
        timer = setImmediate(pump);
        return;
      }
    }
    later();
  };
  const begin = (): ShadowRun | null => {
    const task = waiting.shift();
    if (task === undefined) return null;
    waitingRows -= task.rows.length;
    waitingBytes -= task.answered.bodyBytes;
    return beginRun(task, options, counts);
  };

  return {
    offer: (answered) => {
      const { record } = answered.served;
      const rowCount = answered.input.kind === 'objects' ? answered.input.rows.length : answered.input.rowCount;
      for (const assignment of record.challengers ?? []) {
        const rows = drawn(rowCount, assignment.sampleFraction, options.random);
        if (rows.length === 0) continue;
        if (
          options.models.find(assignment.manifestSha256) === null ||
          waitingRows + rows.length > WAITING_ROWS_MAX ||
          waitingBytes + answered.bodyBytes > WAITING_BYTES_MAX
        ) {
          counts.add(record.deploymentId, assignment.modelId, 'dropped', rows.length);
          continue;
        }
        waiting.push({ answered, assignment, rows, next: 0 });
        waitingRows += rows.length;
        waitingBytes += answered.bodyBytes;
      }
      if (waiting.length > 0) later();
    },
    families: () => [counts.family()],
    close: () => {
      isClosed = true;
      waiting.length = 0;
      current = null;
    },
  };
}

function drawn(rowCount: number, fraction: number, random: () => number): number[] {
  const rows: number[] = [];
  for (let row = 0; row < rowCount; row += 1) if (fraction >= 1 || random() < fraction) rows.push(row);
  return rows;
}

/** One challenger's rows of one request. */
interface ShadowRun {
  /** Predicts one more row; true when that was the last one. */
  advance(): boolean;
}

/** Rows are dropped where the model is gone by now, or events are told of nothing. */
function beginRun(
  task: Task,
  { models, telemetry, logger }: Pick<ShadowOptions, 'models' | 'telemetry' | 'logger'>,
  counts: ShadowCounts,
): ShadowRun {
  const { answered, assignment, rows } = task;
  const { served, input, associationColumn } = answered;
  const { deploymentId, settings } = served.record;
  const { modelId } = assignment;
  const artifact = models.find(assignment.manifestSha256);
  const events = artifact === null ? null : telemetry.challengerEvents(served, assignment);
  if (artifact === null || events === null) {
    counts.add(deploymentId, modelId, 'dropped', rows.length);
    return { advance: () => true };
  }
  const champion = sideOf(withThreshold(served.artifact.scorer, settings.threshold), input, associationColumn);
  const challenger = sideOf(withThreshold(artifact.scorer, settings.threshold), input, associationColumn);
  const idOf = champion.rows.cells(associationColumn);
  const isComparable = champion.classes === challenger.classes;
  let isTold = false;
  return {
    advance: () => {
      const row = rows[task.next] ?? 0;
      task.next += 1;
      try {
        if (!isComparable) throw new Error(`model ${modelId} predicts other classes than the deployment's`);
        predict(champion, row);
        predict(challenger, row);
        const id = idOf === null ? null : associationId(idOf(row), associationColumn, row);
        events.add(champion.prediction, challenger.prediction, id);
        counts.add(deploymentId, modelId, 'predicted', 1);
      } catch (err) {
        counts.add(deploymentId, modelId, 'failed', 1);
        if (!isTold)
          logger.debug('challenger_failed', 'a challenger cannot predict a row', { deploymentId, modelId, err });
        isTold = true;
      }
      if (task.next < rows.length) return false;
      events.record();
      return true;
    },
  };
}

interface Side {
  readonly scorer: Scorer;
  readonly rows: ScorerRows;
  readonly prediction: RowPrediction;
  readonly classes: string;
}

function sideOf(scorer: Scorer, input: InputRows, associationColumn: string): Side {
  const { targetType, classes } = scorer.manifest.content;
  return {
    scorer,
    rows: scorerRows(scorer, input, new Set([associationColumn])),
    prediction: scorer.createPrediction(),
    classes: JSON.stringify([targetType, classes]),
  };
}

const predict = ({ scorer, rows, prediction }: Side, row: number): void =>
  scorer.scoreRow(rows.row(row), prediction, row + 1);
