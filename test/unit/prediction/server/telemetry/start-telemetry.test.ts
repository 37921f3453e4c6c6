import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { createLogger, loadConfig } from '#runtime';
import { startTelemetry } from '../../../../../prediction/server/telemetry/start-telemetry.ts';

describe('prediction server: telemetry on a disk that has no room for it', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'trainyard-telemetry-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('is off until the next start, which is told as an error', async () => {
    // Neither root nor anybody else makes a folder below a file.
    writeFileSync(path.join(dir, 'file'), '');
    const flags = {
      dataDir: dir,
      'telemetry.transport': 'http',
      'telemetry.spoolDir': path.join(dir, 'file', 'spool'),
    };
    const log: { event: string; level: string }[] = [];
    const write = (line: string) => void log.push(JSON.parse(line) as (typeof log)[number]); // of our own logger
    const place = { baseUrl: 'http://127.0.0.1:1', caFile: '', tokenFile: path.join(dir, 'token') };
    const running = await startTelemetry(loadConfig({ env: {}, flags }).config.telemetry, {
      ...{
        serverId: 'ps_1',
        place,
        keptKeysFile: path.join(dir, 'telemetry.keys'),
        logger: createLogger({ program: 'test', write }),
      },
    });
    expect(running.telemetry).to.be.null;
    expect(log.map(({ event, level }) => [event, level])).to.deep.equal([['telemetry_off', 'error']]);
    await running.close();
  });
});
