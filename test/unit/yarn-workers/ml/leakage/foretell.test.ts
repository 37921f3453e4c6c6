import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import type { TargetSpec } from '#contracts';
import { REPOSITORY_ROOT } from '../../../../support/repository.ts';
import { foretellerOf } from '../../../../../yarn-workers/ml/leakage/foretell.ts';

interface Fixture {
  readonly codes: number[];
  readonly folds: number[];
  readonly binary: number[];
  readonly classes: number[];
  readonly values: number[];
  readonly expected: Record<'binary' | 'multiclass' | 'regression', number>;
}

// The cast holds: `test/fixtures/leakage/generate.py` has written it.
const fixture = JSON.parse(
  readFileSync(path.join(REPOSITORY_ROOT, 'test/fixtures/leakage/leakage.json'), 'utf8'),
) as Fixture;

describe('ml leakage scores', () => {
  for (const targetType of ['binary', 'multiclass', 'regression'] as const)
    it(`are those of scikit-learn and pandas for a target that is ${targetType}`, () => {
      const labels = targetType === 'binary' ? fixture.binary : fixture.classes;
      const target: TargetSpec = {
        ...{ name: 'y', targetType, classes: [], positiveClass: targetType === 'binary' ? 1 : null },
      };
      const rows = {
        classes: targetType === 'regression' ? null : Int32Array.from(labels),
        values: targetType === 'regression' ? Float64Array.from(fixture.values) : null,
      };
      const foretell = foretellerOf(target, rows, Uint8Array.from(fixture.folds));
      const score = foretell({ codes: Int32Array.from(fixture.codes), count: 9 });
      // Sums in another order: the last digits.
      expect(score).to.be.closeTo(fixture.expected[targetType], 1e-12);
    });
});
