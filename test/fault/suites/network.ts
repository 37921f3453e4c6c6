import { expect } from 'chai';
import { BEAT_MS, Lab, LEASE_MS, type LabOptions } from '../../support/faults/lab.ts';
import { startProxy, type Proxy, type Weather } from '../../support/faults/proxy.ts';
import { noteRecovery, TOLD_MS_MAX } from '../../support/faults/recovery.ts';
import {
  attemptCounts,
  expectSameModels,
  inTraining,
  QUICK,
  SLOW,
  startRun,
  undisturbedHashes,
  uploadChurn,
} from '../../support/faults/runs.ts';
import { until } from '../../support/processes.ts';

const passed = (sinceMs: number, ms: number) => until(`${ms} ms`, () => Date.now() > sinceMs + ms, ms + 10_000);

/** The network between workers and app server misbehaves; runs end with the same models. */
export function networkSuite(names: readonly string[], options: LabOptions = {}): void {
  describe('faults: network between worker and app server', function () {
    this.timeout(180_000);
    let lab: Lab;
    let proxy: Proxy;
    let slowDataset = '';
    let quickDataset = '';
    before(async () => {
      await undisturbedHashes(SLOW);
      await undisturbedHashes(QUICK);
      lab = await Lab.open(options);
      proxy = await startProxy(lab.server.port);
      const worker = lab.startWorker();
      slowDataset = await uploadChurn(lab, SLOW);
      quickDataset = await uploadChurn(lab, QUICK);
      await lab.stop(worker);
    });
    after(async () => {
      await lab.close();
      await proxy.close();
    });
    afterEach(async () => {
      proxy.turn({ kind: 'clear' });
      lab.disturbed();
      await lab.stopWorkers();
    });
    const cutOffWorker = () => lab.startWorker({ serverUrl: `http://127.0.0.1:${proxy.port}` });

    const tests: Readonly<Record<string, () => Promise<void>>> = {
      'resets of 30 % of all messages': async () => {
        proxy.turn({ kind: 'resets', share: 0.3, seed: 11 });
        const startedAtMs = Date.now();
        cutOffWorker();
        const run = await startRun(lab, quickDataset);
        await expectSameModels(lab, run);
        noteRecovery('30 % of messages reset', Date.now() - startedAtMs, {
          what: 'the whole run is done',
          limitMs: 30_000,
        });
        expect(proxy.resetCount).to.be.greaterThan(2);
        await lab.check();
      },

      'answers to start, seal and commit lost': async () => {
        proxy.loseAnswers({ to: /POST \/internal\/v1\/tasks\/[^/]+\/(start|seal|commit) /, times: 6 });
        const startedAtMs = Date.now();
        cutOffWorker();
        const run = await startRun(lab, quickDataset);
        await expectSameModels(lab, run);
        noteRecovery('answers to 6 statements lost', Date.now() - startedAtMs, {
          what: 'the whole run is done',
          limitMs: 30_000,
        });
        expect(proxy.lostCount).to.equal(6);
        expect(await attemptCounts(lab, run.job.id)).to.deep.equal([1, 1, 1, 1]);
        await lab.check();
      },

      'answers to claims lost': async () => {
        const startedAtMs = Date.now();
        const run = await startRun(lab, quickDataset);
        proxy.loseAnswers({ to: /POST \/internal\/v1\/claims /, times: 2 });
        cutOffWorker();
        await expectSameModels(lab, run);
        noteRecovery('answers to 2 claims lost', Date.now() - startedAtMs, {
          what: 'the whole run is done',
          limitMs: 20_000,
        });
        expect(proxy.lostCount).to.be.greaterThan(0);
        await lab.check();
      },

      'partition of two leases, nobody else there': () => cut({ kind: 'partition' }, 'partition of two leases', false),

      'partition of two leases, another worker there': () =>
        cut({ kind: 'partition' }, 'partition of two leases, another worker there', true),

      'half-open for two leases': () => cut({ kind: 'halfOpen' }, 'half-open for two leases', false),
    };

    async function cut(weather: Weather, fault: string, withOther: boolean): Promise<void> {
      const worker = cutOffWorker();
      const run = await startRun(lab, slowDataset, SLOW);
      await inTraining(lab);
      proxy.turn(weather);
      const cutAtMs = Date.now();
      if (withOther) {
        lab.startWorker();
        await expectSameModels(lab, run, SLOW);
        await lab.recovered(fault, cutAtMs, 20_000);
      }
      await passed(cutAtMs, 2 * LEASE_MS);
      const seen = worker.lines.length;
      proxy.turn({ kind: 'clear' });
      lab.disturbed();
      const clearAtMs = Date.now();
      if (withOther) {
        const refused = await until('the refusal of the cut-off worker', () =>
          worker.lines.slice(seen).some(({ event }) => event === 'task_refused' || event === 'task_interrupted'),
        );
        expect(refused).to.equal(true);
        noteRecovery(fault, Date.now() - clearAtMs, {
          what: 'it is refused and stops, from the end of the partition',
          limitMs: TOLD_MS_MAX,
        });
      } else {
        await expectSameModels(lab, run, SLOW);
        await lab.recovered(`${fault} (from its end)`, clearAtMs, 10_000);
        expect(Date.now() - clearAtMs, 'no answer is waited for that will not come').to.be.lessThan(20_000);
        expect(await attemptCounts(lab, run.job.id)).to.deep.equal([1, 1]);
      }
      expect(proxy.swallowedBytes).to.be.greaterThan(0);
      await lab.check();
    }

    for (const name of names) {
      const test = tests[name];
      if (test === undefined) throw new Error(`no test ${name}`);
      it(name, test);
    }
  });
}

/** With leases and beats as they are delivered, so that a delay of two seconds is what it is there. */
export function delaySuite(): void {
  describe('faults: two seconds of delay', function () {
    this.timeout(180_000);
    it('every statement takes two seconds: the run is slow and right', async () => {
      await undisturbedHashes(QUICK);
      const lab = await Lab.open({ flags: { 'queue.leaseMs': 30_000, 'queue.beatMs': 10_000 } });
      const proxy = await startProxy(lab.server.port);
      try {
        const worker = lab.startWorker();
        const datasetId = await uploadChurn(lab);
        await lab.stop(worker);
        proxy.turn({ kind: 'delay', ms: 1_000 });
        const startedAtMs = Date.now();
        lab.startWorker({ serverUrl: `http://127.0.0.1:${proxy.port}` });
        const run = await startRun(lab, datasetId);
        await expectSameModels(lab, run);
        noteRecovery('2 s of delay', Date.now() - startedAtMs, { what: 'the whole run is done', limitMs: 90_000 });
        expect(Date.now() - startedAtMs).to.be.greaterThan(4 * 4 * 2 * BEAT_MS);
        expect(await attemptCounts(lab, run.job.id)).to.deep.equal([1, 1, 1, 1]);
        await lab.check();
      } finally {
        await lab.close();
        await proxy.close();
      }
    });
  });
}

export const NETWORK_FAULTS = [
  'resets of 30 % of all messages',
  'answers to start, seal and commit lost',
  'answers to claims lost',
  'partition of two leases, nobody else there',
  'partition of two leases, another worker there',
  'half-open for two leases',
];
