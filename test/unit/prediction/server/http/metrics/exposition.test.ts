import { expect } from 'chai';
import {
  exposition,
  labelText,
  mergeFamilies,
  sample,
  type MetricFamily,
} from '../../../../../../prediction/server/http/metrics/exposition.ts';
import { createHistogram } from '../../../../../../prediction/server/http/metrics/histogram.ts';

const family = (changes: Partial<MetricFamily> = {}): MetricFamily => ({
  name: 'a_total',
  kind: 'counter',
  help: 'What it is.',
  together: 'sum',
  samples: [],
  ...changes,
});

describe('prediction server: metrics', () => {
  it('are text as Prometheus reads it', () => {
    const samples = [sample(3, labelText({ deployment: 'a"b\\c\nd', status: 200 })), sample(0.5)];
    expect(exposition([family({ samples })])).to.equal(
      '# HELP a_total What it is.\n# TYPE a_total counter\n' +
        'a_total{deployment="a\\"b\\\\c\\nd",status="200"} 3\na_total 0.5\n',
    );
  });

  it('count latencies in buckets that hold all smaller ones', () => {
    const histogram = createHistogram();
    for (const seconds of [0.00001, 0.0001, 0.0011, 0.02, 11]) histogram.observe(seconds);
    const samples = histogram.samples({ deployment: 'x' });
    const at = (le: string) => samples.find(({ labels }) => labels === `{deployment="x",le="${le}"}`)?.value;
    expect(['0.0001', '0.001', '0.0025', '0.01', '0.02', '10', '+Inf'].map(at)).to.deep.equal([2, 2, 3, 3, 4, 4, 5]);
    expect(samples.at(-1)).to.deep.equal({ suffix: '_count', labels: '{deployment="x"}', value: 5 });
    expect(samples.at(-2)?.value).to.be.closeTo(11.02121, 1e-12);
  });

  it('of several processes are put together as each family says', () => {
    const of = (value: number, more: Partial<MetricFamily>) => family({ samples: [sample(value)], ...more });
    const process = (value: number) => [
      of(value, { name: 'sum' }),
      of(value, { name: 'largest', together: 'largest' }),
      of(value, { name: 'smallest', together: 'smallest' }),
      family({ name: 'own', samples: [sample(value, labelText({ pid: value }))] }),
    ];
    const merged = mergeFamilies([process(2), process(5), process(3)]);
    expect(merged.map(({ name, samples }) => [name, ...samples.map(({ value }) => value)])).to.deep.equal([
      ['sum', 10],
      ['largest', 5],
      ['smallest', 2],
      ['own', 2, 5, 3],
    ]);
  });
});
