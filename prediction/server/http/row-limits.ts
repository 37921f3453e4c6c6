import { AppError } from '#contracts';
import type { CsvLimits } from '#runtime';

/** What the body of one request may hold; columns are those of one row. */
export interface RowLimits extends CsvLimits {
  /** How deep objects and arrays of JSON may lie in one another; a row of `{"data": [...]}` lies 3 deep. */
  readonly depthMax: number;
}

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
