import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { committedFilesAreThere } from '../../support/faults/artefacts.ts';
import { secretsStaySecret } from '../../support/faults/canaries.ts';
import type { Change, Relation } from '../../support/faults/history.ts';
import { Lab } from '../../support/faults/lab.ts';
import { expectSameModels, startRun, uploadChurn } from '../../support/faults/runs.ts';
import { processOf, until } from '../../support/processes.ts';
import { requeuedInTime, requeueLimitMs, violationsOf, writesAreInPlace } from '../../support/faults/invariants.ts';

type Row = Readonly<Record<string, unknown>>;

const CALM = { charged: 0, cancel_asked: 0, worker_id: 'w', problem: null };

/** A history from rows, one a second. */
const historyOf = (...changes: [Relation, Row, Change['operation']?][]): Change[] =>
  changes.map(([relation, row, operation = 'update'], index) => ({
    sequence: index + 1,
    atMs: 1_000 * index,
    relation,
    operation,
    row,
  }));

const task = (state: string, fence: number, more: Row = {}): [Relation, Row] => [
  'task',
  { id: 't', state, fence, ...CALM, ...more },
];
const attempt = (fence: number, more: Row = {}): [Relation, Row] => [
  'attempt',
  { task_id: 't', fence, path: `models/t/${fence}`, blame: null, ended_at: null, ...more },
];
const seal = (fence: number): [Relation, Row, 'insert'] => [
  'task_seal',
  { task_id: 't', fence, files: '[]' },
  'insert',
];
const result = (fence: number, operation: Change['operation'] = 'insert'): [Relation, Row, Change['operation']] => [
  'result',
  { task_id: 't', fence, path: `models/t/${fence}` },
  operation,
];

const GOOD: Parameters<typeof historyOf> = [
  [...task('READY', 0), 'insert'],
  task('LEASED', 1),
  [...attempt(1), 'insert'],
  task('RUNNING', 1),
  task('COMMITTING', 1),
  seal(1),
  task('SUCCEEDED', 1),
  result(1),
];
const upTo = (state: string): Parameters<typeof historyOf> =>
  GOOD.slice(0, GOOD.findIndex(([, row]) => row['state'] === state) + 1);

/** What must be found in a history that breaks a promise. */
const BROKEN: Readonly<Record<string, readonly [Parameters<typeof historyOf>, RegExp]>> = {
  'a task that never ends': [upTo('RUNNING'), /^I1 .* has not ended/],
  'a task that vanishes in work': [[...upTo('RUNNING'), [...task('RUNNING', 1), 'delete']], /^I1 .*delete/],
  'a failure without a reason': [[...upTo('RUNNING'), task('FAILED', 1)], /^I1 .* without a reason/],
  'two results': [[...GOOD, result(1)], /^I2 .* 2 results/],
  'a result that is altered': [[...GOOD, result(1, 'update')], /^I2 .* altered/],
  'a final state that is left': [[...GOOD, task('READY', 1), ...GOOD.slice(4)], /^I2 .* left its final state/],
  'a success without a result': [GOOD.slice(0, -1), /^I2 .* result false/],
  'a result of an old fence': [
    [...upTo('COMMITTING'), seal(1), task('READY', 1), task('LEASED', 2), result(1), task('SUCCEEDED', 2)],
    /^I3 .* fence 1 while fence 2/,
  ],
  'a result that nobody sealed': [GOOD.filter(([relation]) => relation !== 'task_seal'), /^I3 .* not sealed/],
  'a result of a running task': [[...upTo('RUNNING'), seal(1), result(1)], /^I3 .* while it was RUNNING/],
  'a fence that stays at a claim': [
    [...upTo('RUNNING'), task('READY', 1), task('LEASED', 1)],
    /^I3 .* fence 1 became 1/,
  ],
  'a fence that falls': [[...upTo('RUNNING'), task('RUNNING', 0)], /^I3 .* fence 1 became 0/],
  'a success after the cancellation': [
    [...upTo('RUNNING'), task('RUNNING', 1, { cancel_asked: 1 }), ...GOOD.slice(4)],
    /^I7 /,
  ],
  'a charge for the death of a worker': [
    [...upTo('RUNNING'), attempt(1, { blame: 'unknown', ended_at: 1 }), task('READY', 1, { charged: 1 })],
    /^I8 .* charged 1 times; 0/,
  ],
  'a poison task that goes on': [[...upTo('RUNNING'), task('READY', 1, { charged: 3 })], /^I9 /],
};

describe('fault tests: the checkers of the invariants', () => {
  it('find nothing in a good history', () => {
    expect(violationsOf(historyOf(...GOOD), { chargedAttemptsMax: 3 })).to.deep.equal([]);
  });

  for (const [name, [changes, expected]] of Object.entries(BROKEN)) {
    it(`find ${name}`, () => {
      const found = violationsOf(historyOf(...changes), { chargedAttemptsMax: 3 });
      expect(
        found.some((text) => expected.test(text)),
        found.join('\n'),
      ).to.equal(true);
    });
  }

  it('find a task that a dead worker keeps', () => {
    const history = historyOf(...upTo('RUNNING'));
    const death = { workerIds: ['w'], atMs: 5_000, limitMs: 7_000 };
    expect(requeuedInTime(history, [death]).join()).to.match(/^I10 .*infinite/);
    const late = [
      ...history,
      ...historyOf(task('READY', 1)).map((change) => ({ ...change, sequence: 9, atMs: 13_000 })),
    ];
    expect(requeuedInTime(late, [death]).join()).to.match(/^I10 .*8000 ms/);
    expect(requeuedInTime(late, [{ ...death, limitMs: 8_000 }])).to.deep.equal([]);
    expect(requeuedInTime(late, [{ ...death, workerIds: ['another'] }])).to.deep.equal([]);
  });

  it('give a successor of a killed app server time to lead', () => {
    const leases = { leaseMs: 2_000, leaderLeaseMs: 5_000 };
    expect(requeueLimitMs(10_000, [], leases)).to.equal(7_000);
    expect(requeueLimitMs(10_000, [12_000], leases)).to.equal(2_000 + 12_000);
    expect(requeueLimitMs(10_000, [1_000, 60_000], leases)).to.equal(7_000);
  });

  it('find files outside of attempt folders, and such as were written too late', () => {
    const history = historyOf([...attempt(1, { ended_at: 20_000 }), 'insert']);
    const undisturbed = { disturbedUntilMs: 0, quietMs: 10_000 };
    const at = (name: string, modifiedAtMs: number) => [{ path: name, modifiedAtMs }];
    expect(writesAreInPlace(history, at('models/t/1/blob', 29_000), undisturbed)).to.deep.equal([]);
    expect(writesAreInPlace(history, at('uploads/ds/1', 99_000), undisturbed)).to.deep.equal([]);
    expect(writesAreInPlace(history, at('models/t/2/blob', 1), undisturbed).join()).to.match(/^I11 .*nobody/);
    expect(writesAreInPlace(history, at('models/t/1/blob', 31_000), undisturbed).join()).to.match(/^I11 .*11000 ms/);
    expect(
      writesAreInPlace(history, at('models/t/1/blob', 31_000), { ...undisturbed, disturbedUntilMs: 25_000 }),
    ).to.deep.equal([]);
  });

  describe('on files', () => {
    let folder = '';
    before(() => {
      folder = mkdtempSync(path.join(tmpdir(), 'trainyard-checkers-'));
      mkdirSync(path.join(folder, 'models/t/1'), { recursive: true });
      writeFileSync(path.join(folder, 'models/t/1/blob'), 'the blob and canary-1');
    });
    after(() => rmSync(folder, { recursive: true }));

    it('find a file of a result that is missing, short or altered', () => {
      const good = {
        name: 'blob',
        sizeBytes: 21,
        sha256: createHash('sha256').update('the blob and canary-1').digest('hex'),
      };
      const check = (file: Row) =>
        committedFilesAreThere(
          historyOf(['task_seal', { task_id: 't', fence: 1, files: JSON.stringify([file]) }, 'insert'], result(1)),
          folder,
        ).join();
      expect(check(good)).to.equal('');
      expect(check({ ...good, name: 'other' })).to.match(/^I4 .* cannot be read/);
      expect(check({ ...good, sizeBytes: 20 })).to.match(/^I4 .* 21 bytes, not 20/);
      expect(check({ ...good, sha256: 'x' })).to.match(/^I4 .* another SHA-256/);
    });

    it('find a result without files, but for tasks that write none', () => {
      const check = (kind: string) =>
        committedFilesAreThere(
          historyOf(
            ['task', { id: 't', kind }, 'insert'],
            ['task_seal', { task_id: 't', fence: 1, files: '[]' }, 'insert'],
            result(1),
          ),
          folder,
        ).join();
      expect(check('train')).to.equal('I4 result t/1 names no files');
      expect(check('feature-type')).to.equal('');
    });

    it('find a secret in a log, on a command line, and in the object store', () => {
      const places = { logs: {}, commands: [], pids: [process.pid], objectsDir: folder };
      const find = (secret: string, more: object = {}) =>
        secretsStaySecret({ 'admin key': secret }, { ...places, ...more }).join();
      expect(find('canary-2')).to.equal('');
      expect(find('canary-1')).to.match(/^I21 .* object models\/t\/1\/blob/);
      expect(find('canary-2', { logs: { 'a log': 'x canary-2 y' } })).to.match(/^I21 .* a log/);
      expect(find('canary-2', { commands: [['node', '--key=canary-2']] })).to.match(/^I21 .* command line/);
      expect(find(processOf(process.pid)?.command.at(-1) ?? '')).to.match(/^I21 .* the command line of process/);
    });
  });
});

describe('fault tests: a lab with something broken behind its back', function () {
  this.timeout(180_000);

  it('finds an altered artefact and an altered leaderboard', async () => {
    const lab = await Lab.open();
    try {
      lab.startWorker();
      const run = await startRun(lab, await uploadChurn(lab));
      await expectSameModels(lab, run);
      await lab.check();
      const passes = lab.scanner.passCount;
      const [model] = (await lab.database.knex('models').where({ project_id: run.projectId }).limit(1)) as {
        id: string;
        artifact_path: string;
      }[]; // columns of the table
      if (model === undefined) expect.fail('the run has a model');
      await lab.database
        .knex('models')
        .where({ id: model.id })
        .update({ scores: '{"validation":null,"crossValidation":null,"holdout":null}' });
      const blob = path.join(lab.objectsDir, model.artifact_path, 'blob');
      writeFileSync(blob, Buffer.concat([readFileSync(blob), Buffer.of(1)]));
      await until('two passes of the scanner', () => lab.scanner.passCount > passes + 2);
      const found = await lab.check().then(
        () => '',
        (err: unknown) => String(err),
      );
      expect(found).to.match(/I4 .*blob has/);
      expect(found).to.match(/I5 model .* is not whole/);
      expect(found).to.match(/I6 project /);
    } finally {
      await lab.close();
    }
  });
});
