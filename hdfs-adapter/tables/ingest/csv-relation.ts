import { sqlFile } from '../duckdb.ts';

/** DuckDB's limit of a line is at least this by default. */
const LINE_BYTES_MIN = 2 * 1024 * 1024;
/** Of what a copy adds to a record. */
const LINE_SLACK_BYTES = 1024;

/** How a scanner's copy of a text is written; nothing of it is left to guess. */
export interface CopiedCsv {
  readonly delimiter: string;
  /** Of a record of the text. */
  readonly rowBytesMax: number;
  /** A reader that starts in the middle of the file cannot know whether it is inside quotes. */
  readonly hasQuotedNewline: boolean;
}

/** SQL of a relation with the columns of a scanner's copy as text, exactly as they were scanned. */
export function csvRelation(file: string, names: readonly string[], copied: CopiedCsv): string {
  const columns = names.map((name) => `'${name}': 'VARCHAR'`).join(', ');
  const lineBytes = Math.max(LINE_BYTES_MIN, copied.rowBytesMax + LINE_SLACK_BYTES);
  const delimiter = copied.delimiter === "'" ? "''" : copied.delimiter;
  return (
    `read_csv(${sqlFile(file)}, auto_detect = false, header = false, columns = {${columns}}, ` +
    `delim = '${delimiter}', quote = '"', escape = '"', new_line = '\\n', nullstr = '', allow_quoted_nulls = false, ` +
    `strict_mode = true, max_line_size = ${lineBytes}, parallel = ${!copied.hasQuotedNewline})`
  );
}
