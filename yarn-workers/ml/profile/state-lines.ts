import { AppError, nullable, parse, strict, Type, type Static } from '#contracts';
import { ComparedState, FirstPart, FirstState, SecondState, type SecondPart } from './states.ts';

/*
 * A pass over a part as lines of JSON, so that no text of JSON is larger than one column's state (a string of ECMAScript has a limit,
 * and wide tables would meet it):
 *
 *   first  = { version, rowCount, columnCount, compared, sampleRows } *FirstState
 *   second = { version, columnCount } *( SecondState / null )
 */

const Version = FirstPart.properties.version;
const ColumnCount = Type.Integer({ minimum: 0 });
const FirstHead = strict({
  version: Version,
  rowCount: FirstPart.properties.rowCount,
  columnCount: ColumnCount,
  compared: ComparedState,
  sampleRows: FirstPart.properties.sampleRows,
});
const SecondHead = strict({ version: Version, columnCount: ColumnCount });
const SecondLine = nullable(SecondState);
type SecondLine = Static<typeof SecondLine>;

/** Lines of a first pass, without line breaks. */
export function* firstLines({ columns, ...head }: FirstPart): Generator<string> {
  yield JSON.stringify({ ...head, columnCount: columns.length });
  for (const state of columns) yield JSON.stringify(state);
}

/** Lines of a second pass, without line breaks. */
export function* secondLines({ columns, ...head }: SecondPart): Generator<string> {
  yield JSON.stringify({ ...head, columnCount: columns.length });
  for (const state of columns) yield JSON.stringify(state);
}

/** A first pass by its lines. @throws VALIDATION_FAILED of other lines, or of fewer or more than there were */
export async function readFirstLines(lines: AsyncIterable<string>): Promise<FirstPart> {
  const columns: FirstState[] = [];
  let head: Static<typeof FirstHead> | null = null;
  for await (const line of lines)
    if (head === null) head = parse(FirstHead, JSON.parse(line), 'head of a first pass');
    else columns.push(parse(FirstState, JSON.parse(line), `column ${columns.length} of a first pass`));
  const { columnCount: _, ...found } = requireAll(head, columns.length, 'first');
  return { ...found, columns };
}

/** A second pass by its lines. @throws as {@link readFirstLines} */
export async function readSecondLines(lines: AsyncIterable<string>): Promise<SecondPart> {
  const columns: SecondLine[] = [];
  let head: Static<typeof SecondHead> | null = null;
  for await (const line of lines)
    if (head === null) head = parse(SecondHead, JSON.parse(line), 'head of a second pass');
    else columns.push(parse(SecondLine, JSON.parse(line), `column ${columns.length} of a second pass`));
  const { columnCount: _, ...found } = requireAll(head, columns.length, 'second');
  return { ...found, columns };
}

function requireAll<T extends { readonly columnCount: number }>(head: T | null, found: number, pass: string): T {
  if (head !== null && head.columnCount === found) return head;
  const expected = head === null ? 'a first line' : `${head.columnCount} columns`;
  throw new AppError('VALIDATION_FAILED', `${pass} pass over a part: expected ${expected}; found ${found} columns`);
}
