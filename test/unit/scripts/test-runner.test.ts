import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { addCounts, judgeCheck, judgeMocha, LINGERED, runJob, summaryLine } from '../../../scripts/lib/test/job.ts';
import type { JobResult } from '../../../scripts/lib/test/job.ts';
import { planJobs } from '../../../scripts/lib/test/plan.ts';
import type { Selection } from '../../../scripts/lib/test/plan.ts';
import { REPOSITORY_ROOT } from '../../support/repository.ts';

const MOCHA = path.join(REPOSITORY_ROOT, 'node_modules/mocha/bin/mocha.js');
const MOCHA_ARGUMENT = 'node_modules/mocha/bin/mocha.js';
const EVERYTHING: Selection = {
  checks: true,
  groups: ['unit', 'contract', 'integration'],
  files: [],
  grep: undefined,
  forbidOnly: false,
};

describe('scripts/test', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-runner-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  async function runMocha(source: string, options: readonly string[] = [], timeLimitMs = 20_000): Promise<JobResult> {
    const file = path.join(folder, 'planted.test.ts');
    writeFileSync(file, source);
    const settings = { root: REPOSITORY_ROOT, workFolder: folder, live: false, environment: process.env };
    return runJob({ name: 'planted', kind: 'mocha', args: [MOCHA, ...options, file], timeLimitMs }, settings);
  }

  it('counts what passed, failed and was skipped, and shows titles and reasons', async () => {
    const result = await runMocha(`
      it('is fine', () => {});
      it('is broken', () => { throw new Error('planted'); });
      it.skip('needs a cluster', () => {});
    `);
    expect(result.counts).to.deep.equal({ passed: 1, failed: 1, skipped: 1 });
    expect(result.complaint).to.equal(undefined);
    expect(result.output).to.include('skipped: needs a cluster').and.to.include('Error: planted');
  });

  it('tells of a test that passed at its second attempt only, and of what failed', async () => {
    const result = await runMocha(
      `
      let attempt = 0;
      describe('a daemon', () => {
        it('is late', () => { attempt += 1; if (attempt === 1) throw new Error('not there yet'); });
        it('is broken', () => { throw new Error('planted'); });
      });
    `,
      ['--retries', '1'],
    );
    expect(result.counts).to.deep.equal({ passed: 1, failed: 1, skipped: 0 });
    expect(result.output).to.include('REPEATED is late');
    const firstLines = result.troubles.map((text) => text.split('\n').slice(0, 2).join(' '));
    expect(firstLines).to.deep.equal([
      'repeated: a daemon is late Error: not there yet',
      'repeated: a daemon is broken Error: planted',
      'failed: a daemon is broken Error: planted',
    ]);
  });

  it('repeats only tests of groups with daemons', () => {
    const { parallel, serial } = planJobs(REPOSITORY_ROOT, EVERYTHING);
    const repeating = [...parallel, ...serial]
      .filter(({ args }) => args.includes('--retries=1'))
      .map(({ name }) => name);
    expect(repeating).to.deep.equal(['integration']);
  });

  it('fails when no test ran', async () => {
    const result = await runMocha(`describe('empty', () => {});`);
    expect(result.counts).to.deep.equal({ passed: 0, failed: 1, skipped: 0 });
    expect(result.complaint).to.equal('no test ran');
  });

  it('fails when a test ends the process, even with code 0', async () => {
    const result = await runMocha(`it('leaves', () => process.exit(0));`);
    expect(result.counts.failed).to.equal(1);
    expect(result.complaint).to.equal('mocha ended before it counted (exited with code 0)');
  });

  it('fails when a file cannot be loaded', async () => {
    const result = await runMocha(`import './missing.ts';`);
    expect(result.counts.failed).to.equal(1);
    expect(result.complaint).to.match(/^mocha ended before it counted/);
  });

  it('fails on a test singled out, where that is forbidden', async () => {
    const result = await runMocha(`it.only('alone', () => {});`, ['--forbid-only']);
    expect(result.counts.failed).to.equal(1);
  });

  it('kills what outlives its time limit', async () => {
    const result = await runMocha(`it('is fine', () => {}); setInterval(() => {}, 1000);`, [], 1500);
    expect(result.counts.failed).to.equal(1);
    expect(result.complaint).to.match(/was killed at its time limit of 1.5 s/);
  });

  it('counts a check as one test', () => {
    expect(judgeCheck(0).counts).to.deep.equal({ passed: 1, failed: 0, skipped: 0 });
    expect(judgeCheck(2).counts).to.deep.equal({ passed: 0, failed: 1, skipped: 0 });
    expect(judgeCheck('could not start').complaint).to.equal('could not start');
  });

  it('does not believe counts that the exit code contradicts', () => {
    const counts = JSON.stringify({ passed: 3, failed: 0, skipped: 0 });
    expect(judgeMocha(0, counts).counts.failed).to.equal(0);
    expect(judgeMocha(7, counts)).to.deep.equal({
      counts: { passed: 3, failed: 1, skipped: 0 },
      complaint: 'no test failed, but mocha exited with code 7',
      troubles: [],
    });
    expect(judgeMocha(0, '{"passed":-1}').counts.failed).to.equal(1);
    expect(judgeMocha(LINGERED, counts).complaint).to.include(LINGERED);
    const repeated = judgeMocha(LINGERED, '{"passed":2,"failed":0,"skipped":0,"troubles":["repeated: it"]}');
    expect([repeated.counts.failed, repeated.troubles.length]).to.deep.equal([0, 2]);
  });

  it('adds up and ends in one plain line', () => {
    const sum = addCounts({ passed: 1, failed: 2, skipped: 0 }, { passed: 10, failed: 0, skipped: 0 });
    expect(summaryLine(sum)).to.equal('11 passed, 2 failed');
    expect(summaryLine({ ...sum, skipped: 3 })).to.equal('11 passed, 2 failed, 3 skipped');
  });

  it('plans checks, quick groups side by side, and slow groups alone', () => {
    const plan = planJobs(REPOSITORY_ROOT, EVERYTHING);
    expect(plan.parallel.map((job) => job.name)).to.include.members(['eslint', 'unit', 'tsc', 'prettier']);
    expect(plan.serial.map((job) => job.name)).to.deep.equal(['integration']);
    const args = plan.parallel.find((job) => job.name === 'unit')?.args ?? [];
    expect(args).to.include('test/unit/scripts/test-runner.test.ts');
    expect(args.some((arg) => arg.startsWith('test/bench') || arg.startsWith('test/fault'))).to.equal(false);
  });

  it('runs the simulator alone, and its thousands of seeds only when they are asked for', () => {
    const argsOf = (groups: Selection['groups']) =>
      planJobs(REPOSITORY_ROOT, { ...EVERYTHING, checks: false, groups }).serial.flatMap((job) => job.args);
    expect(argsOf(['simulator'])).to.include('test/simulator/simulator.test.ts');
    expect(argsOf(['simulator']).some((arg) => arg.includes('nightly'))).to.equal(false);
    expect(argsOf(['nightly'])).to.deep.equal([MOCHA_ARGUMENT, 'test/simulator/seeds.nightly.ts']);
  });

  it('gives tests that share a Hadoop cluster a process of their own', () => {
    const groups = ['integration', 'hadoop'] as const;
    const [integration, hadoop] = planJobs(REPOSITORY_ROOT, { ...EVERYTHING, checks: false, groups }).serial;
    const isHadoop = (arg: string) => arg.startsWith('test/integration/hadoop/');
    expect(integration?.args.some(isHadoop)).to.equal(false);
    const isOption = (arg: string): boolean => arg === MOCHA_ARGUMENT || arg.startsWith('--');
    expect(hadoop?.args.filter((arg) => !isOption(arg)).every(isHadoop)).to.equal(true);
  });

  it('names groups without files', () => {
    expect(planJobs(folder, { ...EVERYTHING, checks: false }).emptyGroups).to.deep.equal([
      'unit',
      'contract',
      'integration',
    ]);
  });
});
