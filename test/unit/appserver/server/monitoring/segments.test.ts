import { expect } from 'chai';
import type { SegmentLevel, TargetSpec } from '#contracts';
import type { FeatureBaseline, OutcomeStateData, SegmentLevelData } from '#statistics';
import type { LevelTotals } from '../../../../../appserver/server/monitoring/segment-totals.ts';
import { segmentEntries, type SegmentFacts } from '../../../../../appserver/server/monitoring/segments.ts';

const BINARY: TargetSpec = {
  name: 'y',
  targetType: 'binary',
  classes: ['no', 'yes'].map((label) => ({ label, texts: [label], rowCount: 1 })),
  positiveClass: 1,
};
const REGRESSION: TargetSpec = { name: 'y', targetType: 'regression', classes: [], positiveClass: null };
const NOTHING: OutcomeStateData = { classCounts: null, probabilities: null, moments: null, quantiles: null };

/** Predictions of a binary target: so many in each of four bins of probability. */
const spread = (...counts: number[]): OutcomeStateData => ({
  ...NOTHING,
  classCounts: [(counts[0] ?? 0) + (counts[1] ?? 0), (counts[2] ?? 0) + (counts[3] ?? 0)],
  probabilities: { edges: [0, 0.25, 0.5, 0.75, 1], counts, belowCount: 0, aboveCount: 0, missingCount: 0 },
});
const of = (level: string, predictions: OutcomeStateData, eventCount: number): SegmentLevelData => ({
  ...{ kind: 'level', level, eventCount, predictions },
});
const binary = (level: string, ...counts: number[]): SegmentLevelData =>
  of(level, spread(...counts), counts.reduce((sum, count) => sum + count, 0)); // prettier-ignore

const TRAINING: FeatureBaseline = {
  ...{ name: 'country', rowCount: 100, missingCount: 5, edges: null, counts: null },
  topValues: [
    { value: 'DE', count: 60 },
    { value: 'FR', count: 25 },
  ],
};
const HOUR_MS = 3_600_000;
const BUCKETS = [0, 1].map((hour) => ({ from: hour * HOUR_MS, to: (hour + 1) * HOUR_MS }));
/** @param live of the first bucket */
const entriesOf = ({ live = [], ...facts }: Partial<SegmentFacts> & { readonly live?: LevelTotals }) =>
  segmentEntries({
    ...{ target: BINARY, training: null, series: [live, []], buckets: BUCKETS, before: [] },
    ...{ accuracy: new Map(), heldBack: new Map(), ...facts },
  });
const nameOf = ({ kind, level }: SegmentLevel): string => level ?? kind;

describe('predictions by the levels of a feature', () => {
  it('have each level of training, of now and of before, by falling events, with its shares', () => {
    const live = [binary('FR', 1, 1, 1, 0), { ...binary('x', 1, 0, 0, 0), kind: 'others' as const, level: null }];
    const entries = entriesOf({ training: TRAINING, live, before: [binary('IT', 1, 0, 0, 0)] });
    expect(entries.map((entry) => [nameOf(entry), entry.eventCount, entry.share, entry.trainingShare])).to.deep.equal([
      ['FR', 3, 0.75, 0.25],
      ['others', 1, 0.25, 0.1],
      ['DE', 0, 0, 0.6],
      ['missing', 0, 0, 0.05],
      ['IT', 0, 0, 0],
    ]);
    expect(entries[0]?.predictions.classCounts).to.deep.equal([{ label: 'no', count: 2 }, { label: 'yes', count: 1 }]); // prettier-ignore
    expect(entries[0]?.predictions.meanProbability).to.equal((0.125 + 0.375 + 0.625) / 3);
    expect(entriesOf({ live })[0]).to.deep.include({ trainingCount: null, trainingShare: null });
  });

  it('add up over time, and are told by bucket', () => {
    const series = [[binary('DE', 2, 0, 0, 0)], [binary('FR', 1, 0, 0, 0), binary('DE', 0, 0, 0, 4)]];
    const [de, fr] = entriesOf({ series });
    expect([de?.eventCount, fr?.eventCount]).to.deep.equal([6, 1]);
    const facts = de?.overTime.map(({ eventCount, meanPredicted }) => [eventCount, meanPredicted]);
    expect(facts).to.deep.equal([[2, 0.125], [4, 0.875]]); // prettier-ignore
    expect(fr?.overTime[0]).to.deep.include({ from: '1970-01-01T00:00:00.000Z', eventCount: 0, meanPredicted: null });
  });

  it('have drifted in the level that has, whatever the differences between levels', () => {
    const before = [binary('DE', 900, 100, 0, 0), binary('FR', 0, 0, 100, 900), binary('IT', 500, 500, 0, 0)];
    const live = [binary('DE', 450, 50, 0, 0), binary('FR', 0, 0, 250, 250), binary('IT', 240, 260, 0, 0)];
    const drifts = new Map(entriesOf({ live, before }).map((entry) => [nameOf(entry), entry.drift]));
    expect([...drifts.values()].map(({ baseline }) => baseline)).to.deep.equal(['before', 'before', 'before']);
    expect(['DE', 'FR', 'IT'].map((name) => drifts.get(name)?.drift)).to.deep.equal(['none', 'large', 'none']);
    expect(drifts.get('FR')?.baselineCount).to.equal(1_000);
    expect(drifts.get('IT')?.adjustedPValue, 'of the second smallest of three').to.equal(
      2 * (drifts.get('IT')?.pValue ?? NaN),
    );
  });

  it('are held against all other predictions where the level had none before, and against nothing where there are no others', () => {
    const live = [binary('DE', 300, 100, 0, 0), binary('FR', 100, 0, 100, 100)];
    const [de, fr] = entriesOf({ live });
    expect([de?.drift.baseline, de?.drift.baselineCount]).to.deep.equal(['deployment', 300]);
    expect([fr?.drift.baseline, fr?.drift.baselineCount]).to.deep.equal(['deployment', 400]);
    expect(de?.drift, 'to differ is no drift').to.deep.include({ drift: 'unknown', adjustedPValue: null });
    expect(de?.drift.psi, 'the same two samples, either way').to.be.closeTo(fr?.drift.psi ?? NaN, 1e-12);
    const [alone] = entriesOf({ live: live.slice(0, 1) });
    expect(alone?.drift).to.deep.include({ baseline: null, baselineCount: 0, psi: null, drift: 'unknown' });
  });

  it('of numbers are in the bins of training, those beyond them in the outer ones', () => {
    const values = (counts: number[], belowCount: number, aboveCount: number): OutcomeStateData => ({
      ...NOTHING,
      values: { edges: [0, 1, 2, 3], counts, belowCount, aboveCount, missingCount: 0 },
    });
    const before = [of('DE', values([0, 100, 0], 100, 0), 200)];
    const steady = entriesOf({ target: REGRESSION, before, live: [of('DE', values([100, 100, 0], 0, 0), 200)] });
    expect([steady[0]?.drift.psi, steady[0]?.drift.drift]).to.deep.equal([0, 'none']);
    const shifted = entriesOf({ target: REGRESSION, before, live: [of('DE', values([0, 100, 0], 0, 100), 200)] });
    expect(shifted[0]?.drift.drift).to.equal('large');
    const unknown = entriesOf({ target: REGRESSION, before, live: [of('DE', NOTHING, 200)] });
    expect(unknown[0]?.drift).to.deep.include({ psi: null, drift: 'unknown' });
  });

  it('of many classes have drifted when the classes have', () => {
    const target: TargetSpec = {
      ...BINARY,
      targetType: 'multiclass',
      classes: ['a', 'b', 'c'].map((label) => ({ label, texts: [label], rowCount: 1 })),
    };
    const classes = (...classCounts: number[]): OutcomeStateData => ({ ...NOTHING, classCounts });
    const before = [of('DE', classes(500, 500, 0), 1_000)];
    const [entry] = entriesOf({ target, before, live: [of('DE', classes(100, 100, 800), 1_000)] });
    expect(entry?.drift.drift).to.equal('large');
  });
});
