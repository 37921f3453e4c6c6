import type { GroupFinding } from '#contracts';
import { createRandom, hash32, shuffle } from '#statistics';
import type { Foretell } from './foretell.ts';
import type { GroupRows } from './group-rows.ts';
import { GROUP_PERMUTATIONS, GROUP_SCORE_MIN, GROUP_SEEN_MIN, GROUP_SIGMAS_MIN, LEAKAGE_ROWS_MIN } from './limits.ts';
import { addSeen, type RowSlots } from './row-slots.ts';

const PERMUTATION_SALT = 0x5a17_0043;

/**
 * Whether rows that are validated are of groups that training rows are of too, and whether the group tells the target: by the mean target of
 * the group's other rows, held out. Rows of a new group would have the mean of all, which tells nothing, so this score is what
 * models may be credited with and new groups will not give. Chance is known from the same rows with their groups permuted.
 *
 * @param foretell of the rows of `groups`
 * @returns null where it does not matter
 * @see foretellerOf
 */
export function groupBleed(
  column: string,
  { rows, codes, levelCount }: GroupRows,
  foretell: Foretell,
  slots: RowSlots,
  seed: number,
): GroupFinding | null {
  if (rows.length < LEAKAGE_ROWS_MIN || levelCount < 2) return null;
  const seenShare = seenShareOf(rows, codes, levelCount, slots);
  if (seenShare < GROUP_SEEN_MIN) return null;
  const score = foretell({ codes, count: levelCount });
  if (score < GROUP_SCORE_MIN) return null;
  const random = createRandom(hash32(seed, PERMUTATION_SALT));
  const permuted = codes.slice();
  const chances = Array.from({ length: GROUP_PERMUTATIONS }, () => {
    shuffle(permuted, random);
    return foretell({ codes: permuted, count: levelCount });
  });
  // Scores below chance are told as 0, and a few permutations may all be: balanced classes have about 1 / √n.
  const meanSquare = chances.reduce((sum, chance) => sum + chance ** 2, 0) / chances.length;
  const noise = Math.sqrt(Math.max(meanSquare, 1 / rows.length));
  if (score <= Math.max(...chances) || score < GROUP_SIGMAS_MIN * noise) return null;
  const chance = chances.reduce((sum, one) => sum + one, 0) / chances.length;
  return { column, score, chance, rowCount: rows.length, groupCount: levelCount, seenShare };
}

/** Of the validated rows, the part whose group is among the rows that trained the model that predicts them. */
function seenShareOf(rows: Uint32Array, codes: Int32Array, levelCount: number, slots: RowSlots): number {
  const counts = new Uint32Array(levelCount * slots.count);
  for (const [index, row] of rows.entries()) {
    const at = (codes[index] ?? 0) * slots.count + slots.of(row);
    counts[at] = (counts[at] ?? 0) + 1;
  }
  const seen = { validation: { rowCount: 0, twinCount: 0 }, holdout: { rowCount: 0, twinCount: 0 } };
  for (let level = 0; level < levelCount; level += 1)
    addSeen(slots, counts.subarray(level * slots.count, (level + 1) * slots.count), seen);
  return seen.validation.rowCount === 0 ? 0 : seen.validation.twinCount / seen.validation.rowCount;
}
