import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { constant, makeGrant, makeRecord, regression } from '../../support/serving/models.ts';
import { call, until } from '../../support/serving/call.ts';
import { createServing, predict, ROW, untilReady, type Server, type Serving } from '../../support/serving/serving.ts';

const FLAGS = { 'predictionServer.processes': '2' };

describe('prediction server: several processes', function () {
  this.timeout(60_000);
  let serving: Serving;
  let server: Server;

  beforeEach(async () => {
    serving = await createServing();
    serving.deploy(serving.model('mdl_1', regression()), { sequence: 1 });
    server = await serving.startProgram(FLAGS);
    await untilReady(server);
  });
  afterEach(() => serving.close());

  /** Processes by their number in `/metrics`, where the others' are gathered. */
  const pidsOf = async (): Promise<number[]> => {
    const { text } = await call(`${server.url}/metrics`);
    return [...text.matchAll(/^process_start_time_seconds\{pid="(\d+)"\}/gm)].map(([, pid]) => Number(pid)).sort();
  };
  const untilAllAnswer = () =>
    until('two processes', async () => {
      const pids = await pidsOf();
      return pids.length === 2 ? pids : null;
    });
  /** One connection each. */
  const each = (count: number, asked: Parameters<typeof predict>[2] = {}) =>
    Promise.all(Array.from({ length: count }, () => predict(server, ROW, asked)));

  it('answer on one port, and count together', async () => {
    await untilAllAnswer();
    const before = await predictionsOf(server);
    const answers = await each(20);
    expect(answers.map(({ status }) => status)).to.deep.equal(answers.map(() => 200));
    expect((await predictionsOf(server)) - before).to.equal(20);
    const { text } = await call(`${server.url}/metrics`);
    expect(text).to.match(/^trainyard_deployments_ready 1$/m);
    expect(text.match(/^# TYPE trainyard_predictions_total /gm)).to.have.length(1);
  });

  it('know new keys and deployments as soon as the app server does, all of them', async () => {
    await untilAllAnswer();
    const { app, signer } = serving;
    const second = serving.model('mdl_2', constant(2));
    const records = [
      makeRecord(signer, second, { sequence: 2 }),
      makeRecord(signer, second, { deploymentId: 'dep_2' }),
    ];
    app.publish({ deployments: records, apiKeys: [makeGrant(), makeGrant('new')] });
    const known = await each(6, { headers: { authorization: 'Bearer new' } });
    expect(known.map(({ status }) => status)).to.deep.equal(known.map(() => 200));
    await until('a report that it is ready', () =>
      app.reports.at(-1)?.status.deployments.every(({ ready, modelId }) => ready && modelId === 'mdl_2'),
    );
    for (const answer of await each(6, { id: 'dep_2' })) expect(answer.text).to.include('"prediction":2');
    app.publish({ apiKeys: [makeGrant()] });
    await until('the key is gone everywhere', async () =>
      (await each(6, { headers: { authorization: 'Bearer new' } })).every(({ status }) => status === 401),
    );
  });

  it('are replaced when they are killed or told to end, while the others answer', async () => {
    const [first = 0, second = 0] = await untilAllAnswer();
    const untilReplaced = (gone: number) =>
      until('another process', async () => {
        const pids = await pidsOf().catch((): number[] => []);
        return pids.length === 2 && !pids.includes(gone);
      });
    const statuses: number[] = [];
    let isOver = false;
    const client = async () => {
      while (!isOver) statuses.push((await predict(server).catch(() => null))?.status ?? 0);
    };
    const clients = [client(), client()];
    try {
      // SIGTERM drains: whoever is answered by it loses nothing.
      process.kill(first, 'SIGTERM');
      await untilReplaced(first);
      expect(statuses.length).to.be.greaterThan(10);
      expect(statuses.filter((status) => status !== 200)).to.deep.equal([]);
      process.kill(second, 'SIGKILL');
      await untilReplaced(second);
    } finally {
      isOver = true;
      await Promise.all(clients);
    }
    expect(serving.log.filter(({ event }) => event === 'process_ended')).to.have.length(2);
    expect((await predict(server)).status).to.equal(200);
  });

  it('answer from the disk alone after a restart, and end with their keeper, however that ends', async () => {
    await untilAllAnswer();
    await serving.app.stop();
    await server.close();
    server = await serving.startProgram(FLAGS);
    await untilReady(server, 'mdl_1');
    const pids = await untilAllAnswer();
    await server.kill();
    await until('no process is left', () => pids.every((pid) => !isRunning(pid)));
  });

  it('tell the keeper when none of them can start', async () => {
    const taken = await serving.start();
    const flags = { ...FLAGS, 'predictionServer.port': String(taken.port) };
    const failure = await serving.startProgram(flags).then(
      () => 'it started',
      (err: unknown) => String(err),
    );
    expect(failure).to.match(/the program ended with \d+/);
    expect(serving.log.some(({ event, err }) => event === 'start_failed' && JSON.stringify(err).includes('cannot'))).to
      .be.true;
  });
});

async function predictionsOf(server: Server): Promise<number> {
  const { text } = await call(`${server.url}/metrics`);
  return Number(/^trainyard_predictions_total\{deployment="dep_1"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** A process that has ended and is waited for by nobody is no running one. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
