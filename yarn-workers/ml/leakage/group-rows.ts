import { keyTable, type FeatureValues } from '#scoring';
import { hash32, rowHash, textHash } from '#statistics';
import { isModelled } from '../partition/types.ts';
import type { RowRoles } from '../fit/row-roles.ts';
import { GROUP_LEVELS, GROUP_ROWS } from './limits.ts';

/** Salts of hashes that must not agree with those of partitions. */
const LEVELS_SALT = 0x5a17_0041;
const ROWS_SALT = 0x5a17_0042;
const HASHES = 0x1_0000_0000;

/** Some levels of a column, and rows of them outside the holdout. */
export interface GroupRows {
  readonly rows: Uint32Array;
  /** Level of each, from 0 on in the order of the table. */
  readonly codes: Int32Array;
  readonly levelCount: number;
}

/** Gathers whole groups: levels by their hash, and where these have too many rows, of all of them the same part by hash. */
export interface GroupGatherer {
  readonly take: (values: FeatureValues, firstRow: number, rowCount: number) => void;
  readonly gathered: () => GroupRows;
}

/** @param levelCount different values of the column, about */
export function groupGatherer(seed: number, { of }: RowRoles, levelCount: number): GroupGatherer {
  const levelShare = Math.min(1, Math.max(GROUP_ROWS / of.length, GROUP_LEVELS / Math.max(1, levelCount)));
  const rowLimit = Math.min(1, GROUP_ROWS / (of.length * levelShare)) * HASHES;
  const levelLimit = levelShare * HASHES;
  const [levelSeed, rowSeed] = [hash32(seed, LEVELS_SALT), hash32(seed, ROWS_SALT)];
  const codeOf = new Map<string, number>();
  const rows: number[] = [];
  const codes: number[] = [];
  /** -1: a level that is not gathered. */
  const levelsOf = keyTable((key) => {
    if (key === null || textHash(levelSeed, key) >= levelLimit) return -1;
    const code = codeOf.get(key) ?? codeOf.size;
    codeOf.set(key, code);
    return code;
  });
  return {
    take: (values, firstRow, rowCount) => {
      if (values.kind !== 'category') return;
      const levels = levelsOf(values.keys);
      for (let index = 0; index < rowCount && rows.length < 2 * GROUP_ROWS; index += 1) {
        const row = firstRow + index;
        const code = levels[values.codes[index] ?? -1] ?? -1;
        if (code < 0 || !isModelled(of[row] ?? 0) || rowHash(rowSeed, row) >= rowLimit) continue;
        rows.push(row);
        codes.push(code);
      }
    },
    gathered: () => {
      // Dictionaries may know levels of which no row was gathered.
      const dense = new Map<number, number>();
      const own = codes.map((code) => {
        const index = dense.get(code) ?? dense.size;
        dense.set(code, index);
        return index;
      });
      return { rows: Uint32Array.from(rows), codes: Int32Array.from(own), levelCount: dense.size };
    },
  };
}
