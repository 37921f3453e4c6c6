import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { FileObjectStore } from '#object-store';
import type { FittedWithBins } from '../../support/fit-with-bins.ts';

const PROGRAM = path.resolve('test/support/fit-with-bins.ts');
/** Of the survey, then of the bins: six of training rows, two of rows that validate, one of the holdout. */
const SHARDS = 1 + 6 + 2 + 1;

/** Fits in a process of its own; null: it was killed. */
async function fit(folder: string, failpoints = ''): Promise<FittedWithBins | null> {
  const child = spawn(process.execPath, [PROGRAM, folder], {
    env: { ...process.env, TRAINYARD_FAILPOINTS: failpoints },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (...end) => resolve(end));
  });
  if (signal === 'SIGKILL') return null;
  expect(code, failpoints).to.equal(0);
  // What the program prints.
  return JSON.parse(said) as FittedWithBins;
}

describe('worker: bins that are kept for later models', function () {
  this.timeout(120_000);
  const newFolder = (): string => mkdtempSync(path.join(os.tmpdir(), 'trainyard-kept-bins-'));
  const indexesIn = async (folder: string): Promise<number> => {
    const objects = await Array.fromAsync(new FileObjectStore(folder).list('bins'));
    return objects.filter((object) => object.path.endsWith('.index')).length;
  };
  let undisturbed: FittedWithBins;

  before(async () => {
    const folder = newFolder();
    const first = await fit(folder);
    if (first === null) expect.fail('nobody kills it');
    undisturbed = first;
    const shards = (await Array.fromAsync(new FileObjectStore(folder).list('bins'))).length - 2;
    expect(shards).to.equal(SHARDS);
    const second = await fit(folder);
    expect(second).to.deep.include({ contentHash: first.contentHash, reads: [1] });
    expect(second?.log.join('\n'))
      .to.match(/the features are not surveyed/)
      .and.match(/in bins already/);
  });

  for (const [failpoint, indexes, reads] of [
    ['worker.bins.shard=kill@1', 0, [1, 13, 13]],
    ['worker.bins.seal=kill@1', 0, [1, 13, 13]],
    ['worker.bins.sealed=kill@1', 1, [1, 13]],
    ['worker.bins.shard=kill@2', 1, [1, 13]],
    ['worker.bins.shard=kill@5', 1, [1, 13]],
    [`worker.bins.shard=kill@${SHARDS}`, 1, [1, 13]],
    ['worker.bins.seal=kill@2', 1, [1, 13]],
    ['worker.bins.sealed=kill@2', 2, [1]],
  ] as const)
    it(`are whole or not there: killed at ${failpoint}`, async () => {
      const folder = newFolder();
      expect(await fit(folder, failpoint)).to.equal(null);
      expect(await indexesIn(folder)).to.equal(indexes);
      const next = await fit(folder);
      expect(next).to.deep.include({ contentHash: undisturbed.contentHash, reads });
      expect(await indexesIn(folder)).to.equal(2);
      expect(await fit(folder)).to.deep.include({ contentHash: undisturbed.contentHash, reads: [1] });
    });
});
