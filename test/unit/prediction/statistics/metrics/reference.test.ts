import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { METRIC_NAMES, type MetricName, type TargetType } from '#contracts';
import { computeMetrics, metricsFor, type MetricInput } from '#statistics';

interface Case {
  name: string;
  input: Record<string, unknown> & { targetType: TargetType };
  expected: Partial<Record<MetricName, number | null>>;
}

interface Fixture {
  versions: Record<string, string>;
  cases: Case[];
}

// The fixture is written by generate.py beside it, in this shape.
const fixture = JSON.parse(
  readFileSync(new URL('../../../../fixtures/metrics/metrics.json', import.meta.url), 'utf8'),
) as Fixture;

/** Both sides round some dozen times; a result that cancels to nearly nothing is as exact as its terms, which are near 1. */
const RELATIVE_TOLERANCE = 1e-12;
const ABSOLUTE_TOLERANCE = 1e-15;

const NUMBERS = ['probability', 'probabilities', 'predicted', 'weight'];

function toInput(given: Case['input']): MetricInput {
  const input: Record<string, unknown> = { ...given };
  for (const key of NUMBERS) if (key in given) input[key] = Float64Array.from(given[key] as number[]);
  const actual = given['actual'] as number[];
  input['actual'] = given.targetType === 'regression' ? Float64Array.from(actual) : Int32Array.from(actual);
  // generate.py writes exactly the fields of MetricInput.
  return input as unknown as MetricInput;
}

describe('metrics against scikit-learn', () => {
  it('has cases for every metric', () => {
    const seen = new Set(
      fixture.cases.flatMap(({ expected }) =>
        Object.entries(expected).flatMap(([name, value]) => (value === null ? [] : [name])),
      ),
    );
    expect([...seen].sort()).to.deep.equal([...METRIC_NAMES].sort());
    expect(fixture.versions['scikit-learn']).to.match(/^1\./);
  });

  for (const { name, input, expected } of fixture.cases) {
    it(`${input.targetType}: ${name}`, () => {
      const names = metricsFor(input.targetType);
      expect(Object.keys(expected).sort()).to.deep.equal([...names].sort());
      const found = computeMetrics(names, toInput(input));
      for (const metric of names) {
        const wanted = expected[metric] ?? undefined;
        if (wanted === undefined) expect(found, metric).not.to.have.property(metric);
        else
          expect(found[metric], metric).to.be.closeTo(
            wanted,
            Math.max(ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE * Math.abs(wanted)),
          );
      }
    });
  }
});
