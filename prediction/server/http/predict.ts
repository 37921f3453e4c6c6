import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError } from '#contracts';
import type { ServedDeployment } from '../deployments.ts';
import type { AnswerEvents } from '../telemetry/telemetry.ts';
import { answerFormat } from './accept.ts';
import { admit, notReady } from './admission.ts';
import { beginAnswer, type AnswerInProgress, type Wanted } from './answers.ts';
import { ASSOCIATION_COLUMN, associationAsked, passthroughAsked } from './carried.ts';
import type { Context } from './context.ts';
import { explanationsAsked } from './explanations.ts';
import { rowMediaType } from './media-types.ts';
import { probabilitiesAsked } from './probabilities.ts';
import { readingOf } from './pieces/read-in-pieces.ts';
import type { Reading, Steps } from './reading.ts';
import { overloaded, tooLarge, type ReceivedBody } from './receive-body.ts';
import type { Exchange, Reply } from './exchange.ts';
import { requireMethod } from './requests.ts';

/** Rows predicted before other requests get their turn; fewer where a row has many classes, some fifty taking as long as all else of it. */
const ROWS_PER_TURN = 500;
const CLASSES_LIKE_A_ROW = 50;
/** The same of rows that are explained, each of which takes as long as some hundred others. */
const EXPLAINED_ROWS_PER_TURN = 1;
/** A row with a text as long as is read takes some 20 ms, one of a sentence or two 0.2 ms. */
const TEXT_ROWS_PER_TURN = 4;

/** A body of this size takes some 50 ms to be read. */
const LARGE_BYTES = 4 * 1024 * 1024;

const NOTHING_MORE: Wanted = { top: 0, likely: 0, passthrough: [], associationColumn: ASSOCIATION_COLUMN };

/** `POST /predict/{deployment}`. */
export async function predict(
  context: Context,
  exchange: Exchange,
  deploymentId: string,
  query: string,
): Promise<Reply> {
  const { headers } = exchange;
  const admission = admitRows(context, exchange, deploymentId);
  if (admission !== null) await admission;
  const wanted = query === '' ? NOTHING_MORE : wantedOf(query);
  const mediaType = rowMediaType(headers['content-type'], headers['content-encoding']);
  const format = answerFormat(headers.accept);
  const { served, text } = await answerRows(
    context,
    exchange,
    deploymentId,
    (body) => readingOf(body, mediaType, context.limits),
    (found, input, events) => beginAnswer(found, input, format, wanted, events),
  );
  return {
    status: 200,
    contentType: format === 'csv' ? 'text/csv; charset=utf-8' : 'application/json',
    body: text,
    headers: ['X-Trainyard-Model', served.record.modelId],
  };
}

function wantedOf(query: string): Wanted {
  return {
    top: explanationsAsked(query),
    likely: probabilitiesAsked(query),
    passthrough: passthroughAsked(query),
    associationColumn: associationAsked(query),
  };
}

/**
 * Whether rows may be sent now, by this key, to this deployment; null where they may, a promise where that has to be asked.
 *
 * @throws METHOD_NOT_ALLOWED, OVERLOADED; see `admit`
 */
export function admitRows(context: Context, exchange: Exchange, deploymentId: string): Promise<void> | null {
  const { budget, isInTime, waitMsMax } = context;
  requireMethod(exchange, 'POST');
  if (!isInTime(exchange.startedMs)) throw overloaded(`requests wait longer than ${waitMsMax} ms`);
  if (budget.requestCount > budget.requestsMax) throw overloaded(`more than ${budget.requestsMax} requests at a time`);
  const admission = admit(context, exchange.headers.authorization, deploymentId);
  const admitted = (): void => {
    exchange.deploymentId = deploymentId;
  };
  if (admission !== null) return admission.then(admitted);
  admitted();
  return null;
}

/**
 * Receives the rows of an admitted request and predicts them, in turns with other requests.
 *
 * @param read reads the body
 * @param begin starts the answer
 * @throws BODY_TOO_LARGE, OVERLOADED, DEPLOYMENT_NOT_READY, and what `read` and `begin` throw
 */
export async function answerRows<R>(
  context: Context,
  exchange: Exchange,
  deploymentId: string,
  read: (body: ReceivedBody) => Reading<R>,
  begin: (served: ServedDeployment, rows: R, events: AnswerEvents | null) => AnswerInProgress,
): Promise<{ readonly served: ServedDeployment; readonly text: string }> {
  const { table, budget, bodyBytesMax, telemetry, metrics, shadow } = context;
  const length = Number(exchange.headers['content-length'] ?? 0);
  if (length > bodyBytesMax) throw tooLarge(bodyBytesMax, length);
  if (table.served(deploymentId) === null) throw notReady(`deployment ${deploymentId} is not ready here yet`);
  const received = exchange.receive(bodyBytesMax, budget);
  const body = received instanceof Promise ? await received : received;
  exchange.receivedMs = performance.now();
  try {
    const reading = read(body);
    const rows = reading.kind === 'read' ? reading.rows : await readSteps(context, reading.steps, body, exchange);
    // Looked up after the body has been read: the whole answer is of one deployment record and its one model.
    const served = table.served(deploymentId);
    if (served === null) throw notReady(`deployment ${deploymentId} is not served here any more`);
    const events = telemetry?.answerEvents(served) ?? null;
    const progress = begin(served, rows, events);
    const rowsPerTurn = rowsPerTurnOf(served, progress);
    try {
      while (!progress.advance(rowsPerTurn)) await othersTurn(exchange);
    } finally {
      // Also of a row that a rule refuses.
      if (progress.heldCounts !== null) metrics.observeRules(served.record, progress.heldCounts);
    }
    events?.record();
    exchange.predictedMs = performance.now();
    exchange.rowCount = progress.rowCount;
    if (served.record.challengers !== undefined && shadow !== null)
      shadow.offer({ served, ...rowsOf(progress), bodyBytes: body.sizeBytes });
    return { served, text: progress.text() };
  } finally {
    budget.heldBytes -= body.sizeBytes;
  }
}

function readSteps<R>(
  { readLarge }: Context,
  steps: Steps<R>,
  { sizeBytes }: ReceivedBody,
  exchange: Exchange,
): Promise<R> {
  const read = () => readInTurns(steps, exchange);
  return sizeBytes > LARGE_BYTES ? readLarge(read) : read();
}

async function readInTurns<R>(steps: Steps<R>, exchange: Exchange): Promise<R> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await othersTurn(exchange);
  }
}

/** @throws BAD_REQUEST when nobody waits for the answer any more */
async function othersTurn(exchange: Exchange): Promise<void> {
  await nextTurn();
  if (exchange.isGone()) throw new AppError('BAD_REQUEST', 'the client is gone');
}

const rowsOf = ({ input, associationColumn }: AnswerInProgress) => ({ input, associationColumn });

function rowsPerTurnOf({ artifact }: ServedDeployment, { isExplained }: AnswerInProgress): number {
  const { readsTexts, outputCount } = artifact.scorer;
  if (isExplained) return EXPLAINED_ROWS_PER_TURN;
  return readsTexts ? TEXT_ROWS_PER_TURN : Math.ceil(ROWS_PER_TURN / (1 + outputCount / CLASSES_LIKE_A_ROW));
}
