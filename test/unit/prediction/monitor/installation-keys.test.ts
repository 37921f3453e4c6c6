import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { createLogger } from '#runtime';
import { installationKeys } from '../../../../prediction/monitor/installation-keys.ts';
import { TEST_KEYS, TEST_KEYS_TEXT } from '../../../support/telemetry/segments.ts';

describe('monitor: keys of the installation', () => {
  const logger = createLogger({ program: 'test', write: () => undefined });
  let dir: string;
  let file: string;
  beforeEach(() => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'trainyard-keys-'));
    file = path.join(dir, 'telemetry.keys');
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('are waited for, since an app server may start at the same time', async () => {
    const waiting = installationKeys(file, logger, 5_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    writeFileSync(file, TEST_KEYS_TEXT);
    expect((await waiting).signing().keyId).to.equal(TEST_KEYS.signing().keyId);
  });

  it('are never made here', async () => {
    const err: unknown = await installationKeys(file, logger, 0).catch((thrown: unknown) => thrown);
    expect(err).to.include({ code: 'CONFIG_INVALID' });
    expect(String(err)).to.include(file);
    expect(existsSync(file)).to.equal(false);
  });
});
