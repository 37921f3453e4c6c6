import { expect } from 'chai';
import type { Change, Relation } from '../../support/faults/history.ts';
import {
  applicationsHaveRows,
  nothingIsLeaked,
  oneApplicationPerPool,
  poolSizeStays,
  stepsAreKept,
  type Sample,
} from '../../support/faults/yarn-invariants.ts';

type Row = Readonly<Record<string, unknown>>;

/** A history from rows, one a second, the first at 0. */
const historyOf = (...changes: readonly [Relation, Row, Change['operation']?][]): Change[] =>
  changes.map(([relation, row, operation = 'update'], index) => ({
    sequence: index + 1,
    atMs: 1_000 * index,
    relation,
    operation,
    row,
  }));

const application = (id: string, state: string, more: Row = {}): [Relation, Row] => [
  'yarn_application',
  { application_id: id, pool: 'yarn:ml:alice', state, ended_at: state === 'ENDED' ? 1 : null, ...more },
];
const container = (id: string, endedAt: number | null = null): [Relation, Row] => [
  'yarn_container',
  { container_id: id, application_id: 'a1', ended_at: endedAt },
];
const task = (state: string, fence: number, fraction: number | null = null): [Relation, Row] => [
  'task',
  { id: 't', state, fence, worker_id: 'w', progress: fraction === null ? null : JSON.stringify({ fraction }) },
];
const sampled = (atMs: number, ...ids: readonly string[]): Sample => ({
  atMs,
  applications: ids.map((applicationId) => ({ applicationId, user: 'alice', queue: 'ml', runningContainers: 3 })),
});

const LIFE = historyOf(application('a1', 'RESERVED'), application('a1', 'SUBMITTED'), application('a1', 'RUNNING'));
const LIMIT_MS = 10_000;

describe('fault tests: the checkers of the invariants on YARN', () => {
  describe('I13, rows and applications', () => {
    const check = (samples: readonly Sample[], history = LIFE) =>
      applicationsHaveRows(history, samples, LIMIT_MS).join();

    it('find nothing where both agree, or disagree for a moment', () => {
      expect(check([sampled(2_000, 'a1'), sampled(60_000, 'a1')])).to.equal('');
      expect(check([sampled(2_000), sampled(11_000), sampled(13_000, 'a1'), sampled(90_000, 'a1')])).to.equal('');
      // Reserved, and not submitted yet.
      expect(check([sampled(0), sampled(60_000)], LIFE.slice(0, 1))).to.equal('');
    });

    it('find an application without a live row', () => {
      const ended = [...LIFE, ...historyOf(application('a1', 'ENDED')).map((change) => ({ ...change, atMs: 5_000 }))];
      expect(check([sampled(6_000, 'a1'), sampled(17_000, 'a1')], ended)).to.match(/^I13 a1 runs in YARN without/);
      expect(check([sampled(2_000, 'a1', 'a2'), sampled(13_000, 'a1', 'a2')])).to.match(/^I13 a2 runs in YARN/);
    });

    it('find a live row without an application', () => {
      expect(check([sampled(2_000), sampled(13_000)])).to.match(/^I13 a1 has a live row and does not run/);
    });
  });

  describe('I14, one application per pool', () => {
    it('find nothing where one follows the other', () => {
      const history = historyOf(
        application('a1', 'RUNNING'),
        application('a1', 'ENDED'),
        application('a2', 'RESERVED'),
      );
      expect(oneApplicationPerPool(history, [sampled(0, 'a1'), sampled(3_000, 'a2')])).to.deep.equal([]);
    });

    it('find two rows of one pool that live at a time', () => {
      const history = historyOf(
        application('a1', 'RUNNING'),
        application('a2', 'RESERVED'),
        application('a1', 'ENDED'),
      );
      expect(oneApplicationPerPool(history, []).join()).to.match(/^I14 pool yarn:ml:alice .* a1, a2/);
    });

    it('find a submission that was not written down, and two that run at a time', () => {
      expect(oneApplicationPerPool(LIFE, [sampled(3_000, 'a9')]).join()).to.match(/^I14 a9 was submitted and never/);
      const history = historyOf(application('a1', 'ENDED'), application('a2', 'RUNNING'));
      expect(oneApplicationPerPool(history, [sampled(3_000, 'a1', 'a2')]).join()).to.match(/^I14 YARN runs several/);
    });
  });

  describe('I15, training steps', () => {
    const death = [{ applicationId: 'a1', atMs: 2_500 }];
    const places = [{ workerId: 'w', containerId: 'c', applicationId: 'a1' }];
    const held = [task('LEASED', 1), task('RUNNING', 1, 0.3), task('RUNNING', 1, 0.9)];

    it('find nothing where a task stays with its worker', () => {
      const history = historyOf(...held, task('RUNNING', 1, 0.95), task('COMMITTING', 1), task('SUCCEEDED', 1));
      expect(stepsAreKept(history, death, places)).to.deep.equal([]);
    });

    it('find a task that was given on, unless it was of another application', () => {
      const history = historyOf(...held, task('READY', 1), task('LEASED', 2), task('SUCCEEDED', 2));
      expect(stepsAreKept(history, death, places).join()).to.match(/^I15 task t lost attempt 1 with the master of a1/);
      expect(stepsAreKept(history, [{ applicationId: 'a2', atMs: 2_500 }], places)).to.deep.equal([]);
      expect(stepsAreKept(history, [], places)).to.deep.equal([]);
    });

    it('find progress that falls within an attempt', () => {
      expect(stepsAreKept(historyOf(...held, task('RUNNING', 1, 0.2)), [], places).join()).to.match(
        /^I15 .* 0\.9 done .* by 0\.2/,
      );
      expect(stepsAreKept(historyOf(...held, task('RUNNING', 2, 0.2)), [], places)).to.deep.equal([]);
    });
  });

  describe('I16, sizes of pools', () => {
    const two = [container('c1'), container('c2')];

    it('find nothing where an end makes room', () => {
      expect(
        poolSizeStays(historyOf(...two, container('c1', 5), container('c3')), [sampled(0, 'a1')], 2),
      ).to.deep.equal([]);
    });

    it('find one container too many, in the books and in YARN', () => {
      expect(poolSizeStays(historyOf(...two, container('c3')), [], 2).join()).to.match(/^I16 a1 has 3 containers/);
      expect(poolSizeStays([], [sampled(0, 'a1')], 1).join()).to.match(/^I16 YARN runs 2 containers of a1/);
    });

    it('find what is left at the end', () => {
      const ended = historyOf(application('a1', 'ENDED'), container('c1', 5));
      expect(nothingIsLeaked(ended, sampled(9_000), [])).to.deep.equal([]);
      const found = nothingIsLeaked(historyOf(application('a1', 'RUNNING'), container('c1')), sampled(9_000, 'a1'), [
        { pid: 7, containerId: 'c1' },
      ]);
      expect(found).to.deep.equal([
        'I16 a1 still runs in YARN',
        'I16 a1 has not ended',
        'I16 c1 has not ended',
        'I16 process 7 of c1 still runs',
      ]);
    });
  });
});
