import { expect } from 'chai';
import type { TargetSpec } from '#contracts';
import type { Service, ServiceHour } from '#store';
import { errorTotals } from '../../../../../appserver/server/alerts/accuracy-signal.ts';
import { serviceSignals } from '../../../../../appserver/server/alerts/service-signals.ts';
import { findingsOf } from '../../../../../appserver/server/alerts/signals.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = 30 * DAY;

const served = (hour: number, service: Partial<Service>): ServiceHour => ({
  hour,
  service: { statuses: {}, rows: 0, latencies: {}, latencySum: 0, ...service },
});

describe('signals of how an hour was served', () => {
  const kindsOf = (hours: readonly ServiceHour[]) => findingsOf(serviceSignals(hours, NOW)).map(({ kind }) => kind);

  it('are failures that are more than matters, and more than chance', () => {
    expect(kindsOf([served(NOW, { statuses: { 200: 900, 500: 60, 429: 40 } })])).to.deep.equal(['errors']);
    expect(kindsOf([served(NOW, { statuses: { 200: 995, 500: 5 } })]), 'half of a percent').to.deep.equal([]);
    expect(kindsOf([served(NOW, { statuses: { 200: 20, 500: 1 } })]), 'one of few').to.deep.equal([]);
    expect(kindsOf([served(NOW, { statuses: { 400: 500, 200: 1 } })]), 'the client’s own').to.deep.equal([]);
  });

  it('are latencies, which only their past can judge', () => {
    const [found] = findingsOf(serviceSignals([served(NOW, { statuses: { 200: 200 }, latencies: { 0.1: 200 } })], NOW));
    expect(found).to.deep.include({ kind: 'latency', pValue: null });
    expect(found?.excess).to.be.within(1.9, 2);
    expect(kindsOf([served(NOW, { statuses: { 200: 99 }, latencies: { 0.1: 99 } })]), 'of few requests').to.deep.equal(
      [],
    );
  });

  it('are silence where there were requests on each of seven days', () => {
    const week = Array.from({ length: 7 }, (_, day) => served(NOW - (day + 1) * DAY, { statuses: { 200: 40 + day } }));
    expect(kindsOf(week)).to.deep.equal(['silence']);
    expect(kindsOf([...week, served(NOW, { statuses: { 200: 1 } })])).to.deep.equal([]);
    expect(kindsOf(week.slice(1)), 'not on each').to.deep.equal([]);
    expect(kindsOf([]), 'a new one').to.deep.equal([]);
  });
});

describe('signal of accuracy', () => {
  const TWO: TargetSpec = {
    ...{ column: 'y', targetType: 'binary', positiveClass: 1 },
    classes: ['no', 'yes'].map((label) => ({ label, texts: [label], count: 1 })),
  } as unknown as TargetSpec;
  const outcomes = (count: number, wrong: number) =>
    Array.from({ length: count }, (_, index) => ({
      // The deployment's own threshold has made a class of it that is not looked at.
      prediction: { value: null, classIndex: 1, probabilities: [0.8, 0.2] },
      actual: index < wrong ? 'yes' : 'no',
    }));

  it('holds classes at the threshold of training against outcomes', () => {
    const totals = errorTotals(TWO);
    totals.add(outcomes(500, 100));
    const signal = totals.signal({ accuracy: 0.9 });
    expect(signal?.excess).to.be.closeTo(2, 1e-9);
    expect(signal?.pValue).to.be.below(1e-6);
    expect(signal?.facts.error).to.deep.include({ training: 1 - 0.9, count: 500 });
    expect(signal?.facts.error?.live).to.be.closeTo(0.2, 1e-12);
    expect(totals.signal({ accuracy: 0.8 })?.excess).to.be.closeTo(0, 1e-9);
    expect(totals.signal({ accuracy: 0.75 })?.pValue, 'better').to.equal(1);
  });

  it('says nothing of few outcomes, and of those that are no class', () => {
    const totals = errorTotals(TWO);
    totals.add(outcomes(99, 99));
    totals.add([{ prediction: { value: null, classIndex: 1, probabilities: [0.8, 0.2] }, actual: 'perhaps' }]);
    expect(totals.signal({ accuracy: 0.9 })).to.equal(null);
  });

  it('holds squared errors of numbers against those of training', () => {
    const totals = errorTotals({ ...TWO, targetType: 'regression', classes: [] });
    totals.add(
      Array.from({ length: 400 }, (_, index) => ({
        ...{ prediction: { value: index % 2 === 0 ? 3 : -3, classIndex: -1, probabilities: [] }, actual: '0' },
      })),
    );
    const signal = totals.signal({ rmse: 2 });
    expect(signal?.excess).to.be.closeTo(2.5, 1e-9);
    expect(signal?.pValue, 'all errors are the same').to.equal(0);
  });
});
