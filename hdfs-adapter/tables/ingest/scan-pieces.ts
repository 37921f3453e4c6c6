import type { CsvHead } from './csv-head.ts';
import { CsvScanner, type CsvScannerOptions } from './csv-scanner.ts';
import type { ScratchSink } from './record-sink.ts';

/** Records of a text, in their order, that are in a closed sink. */
export interface TextPiece<Sink> {
  readonly sink: Sink;
  /** At least 1. */
  readonly rowCount: number;
  /** Empty cells without quotes. */
  readonly nullCount: number;
  /** Of a record of the text so far. */
  readonly rowBytesMax: number;
  /** A reader that starts in the middle of a file cannot know whether it is inside quotes. */
  readonly hasQuotedNewline: boolean;
}

export interface ScanPiecesOptions<Sink> extends Pick<CsvScannerOptions, 'fileName' | 'columnNames' | 'limits'> {
  readonly newSink: () => Promise<Sink>;
}

/**
 * Checks the records of a CSV text and copies them to one sink after the other, the next one when one is full. Memory: a few
 * chunks of the text. A text without records gives nothing.
 *
 * @param hasHeader the first record has the names and is left out
 * @param rest the text after its head
 * @throws what {@link CsvScanner} throws; DISK_FULL
 */
export async function* scanPieces<Sink extends ScratchSink>(
  head: CsvHead,
  hasHeader: boolean,
  rest: AsyncIterator<Buffer>,
  { newSink, ...options }: ScanPiecesOptions<Sink>,
): AsyncGenerator<TextPiece<Sink>> {
  let sink = await newSink();
  try {
    const { delimiter } = head;
    const firstLine = hasHeader ? head.lineAfter : head.lineBefore;
    const scanner = new CsvScanner({ ...options, delimiter, firstLine, sink });
    const first = head.bytes.subarray(hasHeader ? head.bytesAfter : head.bytesBefore);
    const before = { rowCount: 0, nullCount: 0 };
    const closed = async (): Promise<TextPiece<Sink>> => {
      await sink.close();
      const { rowCount, nullCount, rowBytesMax, hasQuotedNewline } = scanner;
      const piece = {
        sink,
        rowCount: rowCount - before.rowCount,
        nullCount: nullCount - before.nullCount,
        rowBytesMax,
        hasQuotedNewline,
      };
      Object.assign(before, { rowCount, nullCount });
      return piece;
    };
    for (let chunk: Buffer | null = first; chunk !== null; chunk = await nextOf(rest)) {
      for (;;) {
        const taken = scanner.push(chunk);
        await sink.drain();
        if (taken === chunk.length) break;
        yield await closed();
        sink = await newSink();
        scanner.turnTo(sink);
        chunk = chunk.subarray(taken);
      }
    }
    scanner.finish();
    if (scanner.rowCount > before.rowCount) yield await closed();
  } finally {
    await sink.discard();
  }
}

async function nextOf(chunks: AsyncIterator<Buffer>): Promise<Buffer | null> {
  const next = await chunks.next();
  return next.done === true ? null : next.value;
}
