import { expect } from 'chai';
import type { LeakageFacts } from '#contracts';
import { leakageLines } from '../../../../../yarn-workers/worker/tasks/leakage-lines.ts';

const FACTS: LeakageFacts = {
  ...{ rowCount: 900, pairRowCount: 900, pairCount: 3, findings: [] },
  duplicates: {
    ...{ rowCount: 1_000, twinCount: 200, noise: 0, expectedShare: 0.0012, isCopied: true },
    validation: { rowCount: 800, twinCount: 120 },
    holdout: { rowCount: 200, twinCount: 50 },
  },
};

describe('worker leakage lines', () => {
  it('say what was found, with numbers, and what was left out', () => {
    const groups = [{ column: 'patient', score: 0.5, chance: 0.01, rowCount: 900, groupCount: 90, seenShare: 0.95 }];
    const leftOut = { rowCount: 10, featureCount: 1, groupColumnCount: 2, pairCount: 3, duplicates: false };
    expect(leakageLines({ ...FACTS, groups, leftOut })).to.deep.equal([
      'target leakage: 0 findings on 900 rows, and 3 pairs on 900',
      'equal rows: 200 of 1000 (20.0 %; 0.120 % by chance); 15.0 % of the validation rows and 25.0 % of the holdout equal a training row: scores promise more than new rows will get; remove the copies, or start a project with partitioning.duplicates together',
      'groups: patient tells 0.5000 of the target (0.0100 by chance; 90 groups), 95.0 % of the validation rows are of groups that were trained on; of new groups scores promise too much: partition by group',
      'out of time: not looked at were 10 rows, 1 features, 2 columns of groups, 3 pairs',
    ]);
  });

  it('warn of no equal rows that chance explains, and say how exact an estimate is', () => {
    const duplicates = { ...(FACTS.duplicates ?? expect.fail()), noise: 0.004, isCopied: false };
    expect(leakageLines({ ...FACTS, duplicates })[1]).to.equal(
      'equal rows: 200 of 1000 (20.0 % ± 0.400 %; 0.120 % by chance); 15.0 % of the validation rows and 25.0 % of the holdout equal a training row',
    );
    const none = { rowCount: 0, pairRowCount: 0, pairCount: 0, findings: [] };
    expect(leakageLines(none)).to.deep.equal(['too few rows to look for target leakage']);
  });
});
