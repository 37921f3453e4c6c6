import { AppError } from '#contracts';

/**
 * The whole number that a query has for a parameter; 0 where it is not asked for.
 *
 * @throws VALIDATION_FAILED where it is no whole number from 1 to `most`, or is there twice
 */
export function countAsked(query: string, parameter: string, most: number): number {
  if (!query.includes(parameter)) return 0;
  const given = new URLSearchParams(query).getAll(parameter);
  if (given.length === 0) return 0;
  const [text = ''] = given;
  const count = /^[1-9]\d{0,5}$/.test(text) ? Number(text) : NaN;
  if (given.length === 1 && count <= most) return count;
  const message = `must be one whole number from 1 to ${most}`;
  const found = given.map((value) => JSON.stringify(value.slice(0, 40))).join(' and ');
  throw new AppError('VALIDATION_FAILED', `query: ${parameter} ${message}; found ${found}`, {
    errors: [{ path: `/${parameter}`, message }],
  });
}
