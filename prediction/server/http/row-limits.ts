import { AppError } from '#contracts';

/** What the body of one request may hold. */
export interface RowLimits {
  readonly rowsMax: number;
  /** Of one row. */
  readonly columnsMax: number;
  /** How deep objects and arrays of JSON may lie in one another; a row of `{"data": [...]}` lies 3 deep. */
  readonly depthMax: number;
}

export const tooManyRows = (rowsMax: number): AppError =>
  new AppError('TOO_MANY_ROWS', `more than ${rowsMax} rows in one request`);

/** @param where has them: a row, the header */
export const tooManyColumns = (columnsMax: number, where: string): AppError =>
  new AppError('TOO_MANY_COLUMNS', `${where} has more than ${columnsMax} columns`, {
    errors: [{ path: where, message: `has more than ${columnsMax} columns` }],
  });

/** An error of the rows themselves. */
export function invalid(path: string, message: string): AppError {
  return new AppError('VALIDATION_FAILED', `${path}: ${message}`, { errors: [{ path, message }] });
}

/** @throws VALIDATION_FAILED for a column that is there twice */
export function checkHeader(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw invalid(`column ${JSON.stringify(name)}`, 'stands twice in the header');
    seen.add(name);
  }
}
