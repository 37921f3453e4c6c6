import type { LeakageFacts } from '#contracts';

/** Findings that a log lists at most. */
const LINES_MAX = 20;

/** What the search for target leakage found, for the task's log. */
export function leakageLines({ rowCount, pairCount, pairRowCount, findings }: LeakageFacts): string[] {
  if (rowCount === 0) return ['too few rows to look for target leakage'];
  const looked = `target leakage: ${findings.length} findings on ${rowCount} rows, and ${pairCount} pairs on ${pairRowCount}`;
  return [
    looked,
    ...findings
      .slice(0, LINES_MAX)
      .map(({ features, risk, score, by }) => `${risk} risk: ${features.join(' and ')} (${by}), ${score.toFixed(4)}`),
  ];
}
