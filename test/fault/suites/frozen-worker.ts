import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { rawRows } from '#store';
import { Lab, LEASE_MS, type LabOptions } from '../../support/faults/lab.ts';
import type { LogLine } from '../../support/faults/program.ts';
import { noteRecovery, TOLD_MS_MAX } from '../../support/faults/recovery.ts';
import {
  expectSameModels,
  inTraining,
  SLOW,
  startRun,
  undisturbedHashes,
  uploadChurn,
} from '../../support/faults/runs.ts';
import { until } from '../../support/processes.ts';

type Row = Readonly<Record<string, unknown>>;

interface Moment {
  readonly failpoints: string;
  /** Waits for the moment; the task. */
  readonly reached: (lab: Lab) => Promise<Row>;
  /** Its sealed result is committed by the app server. */
  readonly isAdopted: boolean;
}

export const MOMENTS: Readonly<Record<string, Moment>> = {
  training: { failpoints: '', reached: inTraining, isAdopted: false },
  writing: {
    failpoints: 'worker.close=pause:2000',
    reached: (lab) => withFile(lab, 'blob'),
    isAdopted: false,
  },
  'before it seals': {
    failpoints: 'worker.seal=pause:2000',
    reached: (lab) => withFile(lab, 'manifest.json'),
    isAdopted: false,
  },
  'before it commits': {
    failpoints: 'worker.commit.sent=pause:2000',
    reached: (lab) => lab.task('a sealed task', ({ kind, state }) => kind === 'train' && state === 'COMMITTING'),
    isAdopted: true,
  },
};

async function withFile(lab: Lab, name: string): Promise<Row> {
  return lab.task(`a running task with the file ${name}`, ({ kind, state, attempt_path }) => {
    const isRunning = kind === 'train' && state === 'RUNNING' && typeof attempt_path === 'string';
    return isRunning && existsSync(path.join(lab.objectsDir, attempt_path, name));
  });
}

/**
 * Stops a worker with all its processes for three leases and lets it go on: another one does its work meanwhile, the
 * frozen one is refused, writes nothing more, and works again.
 */
export function frozenWorkerSuite(database: LabOptions['database'] & string, moments: readonly string[]): void {
  describe(`faults on ${database}: worker frozen for three leases`, function () {
    this.timeout(180_000);
    let lab: Lab;
    let datasetId = '';
    before(async () => {
      await undisturbedHashes(SLOW);
      lab = await Lab.open({ database });
      const worker = lab.startWorker();
      datasetId = await uploadChurn(lab, SLOW);
      await lab.stop(worker);
    });
    after(() => lab.close());

    for (const name of moments) {
      const moment = MOMENTS[name];
      if (moment === undefined) throw new Error(`no moment ${name}`);
      it(`frozen ${name}`, async () => {
        const run = await startRun(lab, datasetId, SLOW);
        const frozen = lab.startWorker({ failpoints: moment.failpoints });
        const { id } = await moment.reached(lab);
        frozen.freeze();
        const frozenAtMs = Date.now();
        const other = lab.startWorker();
        await expectSameModels(lab, run, SLOW);
        await lab.recovered(`worker frozen ${name}`, frozenAtMs, 20_000);
        await until('the end of the third lease', () => Date.now() > frozenAtMs + 3 * LEASE_MS);
        const seen = frozen.lines.length;
        frozen.thaw();
        lab.disturbed();
        const thawedAtMs = Date.now();
        // Whose result was committed for it hears of that, or is refused because the task is over.
        const answers = ['task_refused', 'task_interrupted', ...(moment.isAdopted ? ['task_committed'] : [])];
        const isAnswer = ({ event }: LogLine) => answers.includes(event);
        await until('the answer to the thawed worker', () => frozen.lines.slice(seen).some(isAnswer));
        const toldAfterMs = Date.now() - thawedAtMs;
        noteRecovery(`worker frozen ${name}`, toldAfterMs, {
          what: moment.isAdopted ? 'it is told that the task is over' : 'it is refused and stops',
          limitMs: TOLD_MS_MAX,
        });
        await lab.stop(other);
        // It is as good as any other worker again.
        const again = await startRun(lab, datasetId, SLOW);
        await expectSameModels(lab, again, SLOW);
        const fences = await rawRows<{ fence: number }>(lab.database, 'select fence from result where task_id = ?', [
          String(id),
        ]);
        expect(fences.map(({ fence }) => fence)).to.deep.equal([moment.isAdopted ? 1 : 2]);
        await lab.check();
        await lab.stopWorkers();
      });
    }
  });
}
