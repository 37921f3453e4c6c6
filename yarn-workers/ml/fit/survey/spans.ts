import {
  AppError,
  type BatchSource,
  type Column,
  type ColumnBatch,
  type ColumnRequest,
  type RowSpan,
} from '#contracts';
import { rowSpans } from '../binned/row-uses.ts';
import type { StateParts } from './state-parts.ts';

/** Rows that a span has at least, where there are several. */
export const SPAN_ROWS_MIN = 262_144;
/** Spans of a table at most. */
export const SPANS_MAX = 32;

/**
 * The spans of a table of which states are made. They depend on nothing but its rows: whoever makes the states, and merges them in the order
 * of the spans, has the same in the end, to the last bit.
 * Each has rows, if the table has some.
 *
 * @param rowsMin @default SPAN_ROWS_MIN, but in tests, whose tables are small
 */
export const surveySpans = (rowCount: number, rowsMin: number = SPAN_ROWS_MIN): RowSpan[] =>
  rowSpans(rowCount, Math.min(SPANS_MAX, Math.max(1, Math.floor(rowCount / rowsMin))));

/** Gathers what the rows of a span tell. */
export interface SpanGatherer {
  add(batch: ColumnBatch): void;
  /** Once, at the end of the span. */
  parts(): StateParts;
}

/**
 * The state of each of some spans that meet, in one read of the table, whose batches are cut where a span ends.
 *
 * @param request of no columns: nothing is read, and no span tells anything
 * @throws DATA_READ_TRUNCATED where rows are missing; what reading throws
 */
export async function* spanStates(
  source: BatchSource,
  request: readonly ColumnRequest[],
  spans: readonly RowSpan[],
  gather: (span: RowSpan) => SpanGatherer,
  signal?: AbortSignal,
): AsyncGenerator<StateParts> {
  const left = [...spans];
  const { from, to } = { from: spans[0]?.from ?? 0, to: spans.at(-1)?.to ?? 0 };
  if (request.length > 0 && from < to) {
    const isWhole = from === 0 && to === source.rowCount;
    let open: SpanGatherer | null = null;
    let next = from;
    for await (const batch of source.batches(request, signal, isWhole ? undefined : { from, to })) {
      const end = Math.min(to, batch.firstRow + batch.rowCount);
      for (let [span] = left; span !== undefined && next >= batch.firstRow && next < end; [span] = left) {
        const cut = Math.min(end, span.to);
        open ??= gather(span);
        open.add(rowsOf(batch, next - batch.firstRow, cut - batch.firstRow));
        next = cut;
        if (cut < span.to) continue;
        yield open.parts();
        open = null;
        left.shift();
      }
    }
    if (next < to)
      throw new AppError('DATA_READ_TRUNCATED', `row ${next} was not read, expected rows ${from} to ${to}`);
  }
  for (const span of left) yield gather(span).parts();
}

/** Some rows of a batch; arrays of numbers are views. */
function rowsOf(batch: ColumnBatch, from: number, to: number): ColumnBatch {
  if (from === 0 && to === batch.rowCount) return batch;
  const columns = batch.columns.map((column): Column => {
    switch (column.view) {
      case 'number':
        return { ...column, values: column.values.subarray(from, to) };
      case 'dictionary':
        return { ...column, codes: column.codes.subarray(from, to) };
      case 'text':
        return { ...column, values: column.values.slice(from, to) };
    }
  });
  return { firstRow: batch.firstRow + from, rowCount: to - from, columns };
}
