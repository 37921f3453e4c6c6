import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { createLogger } from '#runtime';
import type { RowPrediction } from '#scoring';
import type { ServedDeployment } from '../../../../../prediction/server/deployments.ts';
import { openTelemetry, type Telemetry } from '../../../../../prediction/server/telemetry/telemetry.ts';
import { createSigner, makeModel, makeRecord, regression } from '../../../../support/serving/models.ts';

const PREDICTION = {
  prediction: 1,
  classIndex: -1,
  probabilities: new Float64Array(0),
  unseenLevelCount: 0,
  unseenFeatures: new Int32Array(0),
} as unknown as RowPrediction; // the rest of it is not told

/** What an encoder needs of it. */
function served(): ServedDeployment {
  const signer = createSigner();
  const { content } = regression();
  const record = makeRecord(signer, makeModel(signer, 'mdl_1', regression()));
  const manifest = { content };
  const scorer = { manifest, inputFeatures: content.features.map(({ name }) => name) };
  return { record, artifact: { manifest, scorer } } as unknown as ServedDeployment;
}

describe('prediction server: when events are written', () => {
  const deployment = served();
  let dir: string;
  let telemetry: Telemetry;
  let nowMs = 0;
  /** Bytes that were written when each answer went out. */
  const sent: number[] = [];
  beforeEach(() => {
    sent.length = 0;
    dir = mkdtempSync(path.join(os.tmpdir(), 'trainyard-telemetry-'));
    const logger = createLogger({ program: 'test', write: () => undefined });
    telemetry = openTelemetry({
      ...{ spoolDir: dir, spoolBytesMax: 1e6, segmentMs: 60_000, serverId: 'ps_1', keys: () => null, logger },
      nowMs: () => nowMs,
    });
  });
  afterEach(() => {
    telemetry.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const written = (): number =>
    readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.raw'))
      .reduce((sum, name) => sum + statSync(path.join(dir, name)).size, 0);
  /** Answers, and notes how much was written when the answer went out. */
  const answer = (): void => {
    const events = telemetry.answerEvents(deployment);
    events?.add({}, PREDICTION);
    events?.record();
    telemetry.afterWrite(() => sent.push(written()));
  };

  it('is at once where nobody else was answered just before', () => {
    answer();
    nowMs += 0.1;
    answer();
    expect(sent).to.have.length(2);
    expect(sent[0]).to.be.greaterThan(0);
    expect(sent[1]).to.be.greaterThan(sent[0] ?? NaN);
  });

  it('is at the end of a turn in which several are answered, in one frame, before the answers go out', async () => {
    answer();
    const [first = 0] = sent;
    for (let time = 0; time < 5; time += 1) answer();
    expect(sent, 'the others wait').to.have.length(1);
    await nextTurn();
    expect(new Set(sent.slice(1)).size, 'one write').to.equal(1);
    expect(sent).to.have.length(6);
    expect(sent[5]).to.be.greaterThan(first);
  });

  it('is before the end of a turn in which many are answered', async () => {
    for (let time = 0; time < 80; time += 1) answer();
    expect(sent.length).to.be.within(64, 79);
    await nextTurn();
    expect(sent).to.have.length(80);
    expect(sent.every((size) => size > 0)).to.equal(true);
  });
});
