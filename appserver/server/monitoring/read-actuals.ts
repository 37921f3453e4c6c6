import { AppError, ASSOCIATION_ID_LENGTH_MAX, type ActualsRequest, type FieldError, type TargetSpec } from '#contracts';
import { parseCsv } from '#runtime';
import { associationKey, type Actual } from '#store';
import { readMoment } from './time-range.ts';

/** Complaints that one answer lists. */
const COMPLAINTS_MAX = 20;
const COLUMNS = ['associationId', 'actual', 'at'] as const;

/** Outcomes as they were sent, with the place that complaints name. */
export type ActualRow = ActualsRequest[number];

/** Rows of a CSV. Columns: `associationId`, `actual`, and `at` where it is known. @throws VALIDATION_FAILED, BAD_REQUEST, TOO_MANY_ROWS */
export function actualsOfCsv(text: string, rowsMax: number): ActualRow[] {
  const { header, rows } = parseCsv(text, { rowsMax, columnsMax: COLUMNS.length });
  const places = new Map(header.map((name, column) => [name.trim(), column]));
  const unknown = [...places.keys()].find((name) => !(COLUMNS as readonly string[]).includes(name));
  if (unknown !== undefined || places.size !== header.length || !places.has('associationId') || !places.has('actual')) {
    const message = `expected the columns associationId, actual and, if known, at; found ${header.map((name) => JSON.stringify(name)).join(', ')}`;
    throw new AppError('VALIDATION_FAILED', `the header: ${message}`, { errors: [{ path: 'the header', message }] });
  }
  const cellOf = (row: readonly string[], name: (typeof COLUMNS)[number]): string => row[places.get(name) ?? -1] ?? '';
  return rows.map((row) => {
    const at = cellOf(row, 'at');
    return {
      ...{ associationId: cellOf(row, 'associationId'), actual: cellOf(row, 'actual') },
      ...(at === '' ? {} : { at }),
    };
  });
}

/**
 * Checks outcomes against the target: text of a class, or a finite number. All or nothing.
 *
 * @param nowMs for those that do not say when
 * @throws VALIDATION_FAILED naming the rows (1 is the first), what was found, and what would do
 */
export function readActuals(rows: readonly ActualRow[], target: TargetSpec, nowMs: number): Actual[] {
  const labelOf = labelReader(target);
  const errors: FieldError[] = [];
  const actuals: Actual[] = [];
  rows.forEach(({ associationId, actual, at }, index) => {
    const refuse = (column: string, message: string) =>
      errors.push({ path: `row ${index + 1}, column "${column}"`, message });
    const id = String(associationId);
    if (id === '' || id.length > ASSOCIATION_ID_LENGTH_MAX)
      refuse('associationId', `has ${id.length} characters, expected 1 to ${ASSOCIATION_ID_LENGTH_MAX}`);
    const label = labelOf(String(actual));
    if (typeof label !== 'string') refuse('actual', label.message);
    const atMs = at === undefined ? nowMs : readMoment(at);
    if (atMs === null) refuse('at', `is no time: found ${shown(at ?? '')}, expected such as 2026-11-30T00:00:00Z`);
    if (typeof label === 'string' && atMs !== null)
      actuals.push({ key: associationKey(id), associationId: id, actual: label, atMs });
  });
  const [first] = errors;
  if (first === undefined) return actuals;
  throw new AppError('VALIDATION_FAILED', `${first.path} ${first.message}; nothing of the request was taken`, {
    errors: errors.slice(0, COMPLAINTS_MAX),
  });
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 40));

/** Labels that a message lists. */
const LABELS_SHOWN_MAX = 10;

/** What an outcome is: the label of its class, or the number as text. */
function labelReader({ targetType, classes }: TargetSpec): (text: string) => string | { readonly message: string } {
  if (targetType === 'regression')
    return (text) => {
      const value = text.trim() === '' ? NaN : Number(text);
      return Number.isFinite(value) ? String(value) : { message: `is no number: found ${shown(text)}` };
    };
  const byText = new Map(classes.flatMap(({ label, texts }) => [label, ...texts].map((text) => [text, label])));
  const known = classes.slice(0, LABELS_SHOWN_MAX).map(({ label }) => shown(label));
  const expected = `${known.join(', ')}${classes.length > LABELS_SHOWN_MAX ? ' ...' : ''}`;
  return (text) => byText.get(text) ?? { message: `is no class: found ${shown(text)}, expected one of ${expected}` };
}
