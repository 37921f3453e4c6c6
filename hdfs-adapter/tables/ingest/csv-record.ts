/** One record of a CSV text. */
export interface CsvRecord {
  readonly cells: readonly string[];
  /** Index after the record's end of line; -1 where the text ends first. */
  readonly end: number;
}

/**
 * Reads the record at `start` by the grammar of {@link CsvScanner}; for headers and for telling the delimiter, not for
 * data. Text after a closing quote is kept as it is: the scanner refuses it with its place.
 */
export function readRecord(text: string, start: number, delimiter: string): CsvRecord {
  const cells: string[] = [];
  let at = start;
  for (;;) {
    let cell = '';
    if (text[at] === '"') {
      at += 1;
      for (;;) {
        const quote = text.indexOf('"', at);
        if (quote < 0) return { cells: [...cells, cell + text.slice(at)], end: -1 };
        cell += text.slice(at, quote);
        at = quote + 1;
        if (text[at] !== '"') break;
        cell += '"';
        at += 1;
      }
    }
    const from = at;
    while (at < text.length && text[at] !== delimiter && text[at] !== '\n' && text[at] !== '\r') at += 1;
    cells.push(cell + text.slice(from, at));
    if (at >= text.length) return { cells, end: -1 };
    const ending = text[at];
    at += 1;
    if (ending === delimiter) continue;
    if (ending === '\r' && text[at] === '\n') at += 1;
    return { cells, end: at };
  }
}

const DELIMITERS = [',', ';', '\t', '|'] as const;
const SNIFFED_RECORDS_MAX = 200;

/**
 * The delimiter of a text by its first records: the one that gives the header more than one cell and the most records
 * as many cells as the header; ties go to the one with more cells, then to the order `, ; tab |`. Without any, a comma.
 */
export function sniffDelimiter(head: string): string {
  let best: string = DELIMITERS[0];
  let bestScore = -1;
  for (const delimiter of DELIMITERS) {
    const counts: number[] = [];
    let at = 0;
    while (counts.length < SNIFFED_RECORDS_MAX && at < head.length) {
      const record = readRecord(head, at, delimiter);
      const isBlank = record.cells.length === 1 && record.cells[0] === '';
      // A record cut by the end of the head says nothing, unless it is the only one.
      if (record.end < 0 && counts.length > 0) break;
      if (!isBlank) counts.push(record.cells.length);
      if (record.end < 0) break;
      at = record.end;
    }
    const columnCount = counts[0] ?? 1;
    if (columnCount < 2) continue;
    const fitting = counts.filter((count) => count === columnCount).length / counts.length;
    const score = fitting + Math.min(columnCount, 9_999) / 1e6;
    if (score > bestScore) {
      best = delimiter;
      bestScore = score;
    }
  }
  return best;
}
