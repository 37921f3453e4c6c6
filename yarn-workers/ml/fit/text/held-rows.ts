import { HOLDOUT, isModelled } from '../../partition/types.ts';
import type { RowRoles } from '../row-roles.ts';
import { takesBelow } from './row-sampler.ts';

/** Rows whose terms are held, as far as their hashes are below a limit. */
export function heldRows(seed: number, { of, sample }: RowRoles, rowLimit: number): (row: number) => boolean {
  const isTaken = takesBelow(seed, rowLimit);
  return (row) => isModelled(of[row] ?? HOLDOUT) && (sample === null || sample[row] === 1) && isTaken(row);
}
