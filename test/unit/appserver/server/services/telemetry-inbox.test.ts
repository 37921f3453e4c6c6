import { expect } from 'chai';
import { AppError, TELEMETRY_INBOX } from '#contracts';
import type { ObjectEntry } from '#object-store';
import { createTelemetryInbox } from '../../../../../appserver/server/services/telemetry-inbox.ts';

describe('inbox of telemetry', () => {
  let waiting: number[];
  let looks: number;
  let nowMs: number;
  beforeEach(() => {
    [waiting, looks, nowMs] = [[], 0, 1_000_000];
  });
  const store = {
    async *list(prefix: string): AsyncGenerator<ObjectEntry> {
      looks += 1;
      expect(prefix).to.equal(TELEMETRY_INBOX);
      for (const [index, sizeBytes] of waiting.entries())
        yield { path: `${prefix}/${index}`, sizeBytes, modifiedAt: new Date(0) };
    },
  };
  const open = (bytesMax: number, segmentsMax?: number) =>
    createTelemetryInbox(store, { bytesMax, ...(segmentsMax === undefined ? {} : { segmentsMax }) }, () => nowMs);
  const refusal = async (act: Promise<void>): Promise<string> => {
    try {
      await act;
    } catch (err) {
      return err instanceof AppError ? `${err.code}: ${err.message}` : String(err);
    }
    return 'admitted';
  };

  it('is measured once, and again only when it could be full', async () => {
    const inbox = open(1_000);
    for (let index = 0; index < 10; index += 1) await inbox.admit(100);
    expect(looks).to.equal(1);
    nowMs += 60_000;
    await inbox.admit(100);
    expect(looks, 'a monitor has taken all').to.equal(2);
  });

  it('takes no more where too much waits, says how much, and looks again later', async () => {
    waiting = [600, 300];
    const inbox = open(1_000);
    await inbox.admit(100);
    expect(await refusal(inbox.admit(1))).to.match(
      /^DISK_FULL: 3 segments of telemetry \(1000 bytes\).*is a monitor running/,
    );
    waiting = [];
    expect(await refusal(inbox.admit(1)), 'not looked at again yet').to.match(/^DISK_FULL/);
    nowMs += 10_000;
    expect(await refusal(inbox.admit(1))).to.equal('admitted');
  });

  it('counts segments, too', async () => {
    waiting = [1, 1, 1];
    const inbox = open(1_000, 4);
    await inbox.admit(1);
    expect(await refusal(inbox.admit(1))).to.match(/^DISK_FULL/);
  });
});
