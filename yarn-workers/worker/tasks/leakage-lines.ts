import type { DuplicateFacts, GroupFinding, LeakageFacts, LeftOut } from '#contracts';

/** Findings that a log lists at most. */
const LINES_MAX = 20;

/** What the search for target leakage found, for the task's log. */
export function leakageLines({ leftOut, ...facts }: LeakageFacts): string[] {
  const { rowCount, pairCount, pairRowCount, findings, duplicates, groups = [] } = facts;
  const missed = leftOut === undefined ? [] : [leftOutLine(leftOut)];
  if (rowCount === 0) return ['too few rows to look for target leakage', ...missed];
  const looked = `target leakage: ${findings.length} findings on ${rowCount} rows, and ${pairCount} pairs on ${pairRowCount}`;
  return [
    looked,
    ...findings
      .slice(0, LINES_MAX)
      .map(({ features, risk, score, by }) => `${risk} risk: ${features.join(' and ')} (${by}), ${score.toFixed(4)}`),
    ...(duplicates === undefined ? [] : [duplicatesLine(duplicates)]),
    ...groups.map(groupLine),
    ...missed,
  ];
}

const percent = (part: number, whole: number): string => `${(whole === 0 ? 0 : (100 * part) / whole).toPrecision(3)} %`;

function duplicatesLine({
  rowCount,
  twinCount,
  noise,
  validation,
  holdout,
  expectedShare,
  isCopied,
}: DuplicateFacts): string {
  const about = noise === 0 ? '' : ` ± ${percent(noise, 1)}`;
  const chance = expectedShare === null ? '' : `; ${percent(expectedShare, 1)} by chance`;
  const facts = `equal rows: ${twinCount} of ${rowCount} (${percent(twinCount, rowCount)}${about}${chance})`;
  const seen = `${percent(validation.twinCount, validation.rowCount)} of the validation rows and ${percent(holdout.twinCount, holdout.rowCount)} of the holdout equal a training row`;
  return isCopied
    ? `${facts}; ${seen}: scores promise more than new rows will get; remove the copies, or start a project with partitioning.duplicates together`
    : `${facts}; ${seen}`;
}

const groupLine = ({ column, score, chance, groupCount, seenShare }: GroupFinding): string =>
  `groups: ${column} tells ${score.toFixed(4)} of the target (${chance.toFixed(4)} by chance; ${groupCount} groups), ${percent(seenShare, 1)} of the validation rows are of groups that were trained on; of new groups scores promise too much: partition by group`;

const leftOutLine = ({ rowCount, featureCount, groupColumnCount, pairCount, duplicates }: LeftOut): string =>
  `out of time: not looked at were ${rowCount} rows, ${featureCount} features, ${groupColumnCount} columns of groups, ${pairCount} pairs${duplicates ? ', and equal rows' : ''}`;
