import { spawn } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Context } from 'mocha';
import { ATTACKS, type Attack } from '../support/serving/attack.ts';
import { openLoop, quantile, type Answers, type Target } from '../support/serving/load.ts';
import { skipBecause } from '../support/skip.ts';
import { API_KEY, regression } from '../support/serving/models.ts';
import { createServing, predict, ROW, untilReady, type Server, type Serving } from '../support/serving/serving.ts';

/** What the other clients ask for, and how long it is watched. */
const PER_SECOND = 200;
const CONNECTIONS = 8;
const WATCH_MS = 3_000;
const ROUNDS = 3;
/** How much of their 99th percentile may be the attack's. */
const RATIO_MAX = 2;
/** Below it nothing is told of a server by a machine of two cores on which attacker, clients and server run, microseconds. */
const FLOOR_MICROS = 20_000;
/** Where the others wait so long without an attack, the machine has no processor left to tell anything by, microseconds. */
const BUSY_MICROS = 50_000;
/** Of those who ask too much. */
const TIMES = 10;

const ATTACK = fileURLToPath(new URL('../support/serving/attack.ts', import.meta.url));

describe('faults: hostile clients of a prediction server', function () {
  this.timeout(120_000);
  let serving: Serving;
  let server: Server;
  let target: Target;

  before(async () => {
    serving = await createServing();
    serving.deploy(serving.model('mdl_1', regression()));
    server = await serving.startProgram({ 'server.requestTimeoutMs': '2000' });
    await untilReady(server);
    const body = JSON.stringify(ROW);
    const head = `POST /predict/dep_1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${API_KEY}\r\nContent-Type: application/json\r\n`;
    target = { port: server.port, requests: [Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n${body}`)] };
    await watch();
  });
  after(() => serving.close());

  const watch = (perSecond = PER_SECOND): Promise<Answers> =>
    openLoop(target, { perSecond, connectionCount: CONNECTIONS, ms: WATCH_MS });

  /** Rounds with and without the attack by turns, so that the machine's own moods are in both. */
  async function expectUndisturbed(
    test: Context,
    during: (watch: () => Promise<Answers>) => Promise<Answers>,
  ): Promise<void> {
    const calm: number[] = [];
    const attacked: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const p99 = quantile(await watch(), 0.99);
      if (p99 > BUSY_MICROS)
        skipBecause(test, `the machine is busy: p99 is ${(p99 / 1000).toFixed(0)} ms without an attack`);
      calm.push(p99);
      const answers = await during(watch);
      expect(answers.refusedCount, 'clients that ask for little are not refused').to.equal(0);
      attacked.push(quantile(answers, 0.99));
    }
    const [before, meanwhile] = [middleOf(calm), middleOf(attacked)];
    console.log(`      p99 of others ${(before / 1000).toFixed(2)} ms, meanwhile ${(meanwhile / 1000).toFixed(2)} ms`);
    expect(meanwhile).to.be.at.most(Math.max(FLOOR_MICROS, RATIO_MAX * before));
    expect((await predict(server)).status).to.equal(200);
  }

  for (const kind of ATTACKS)
    it(`${kind}: the others are answered as before`, function () {
      return expectUndisturbed(this, (asUsual) => attackedBy(kind, asUsual));
    });

  it(`${TIMES} times the load: the others are answered as before`, function () {
    return expectUndisturbed(this, async (asUsual) => {
      const [answers] = await Promise.all([asUsual(), watch((TIMES - 1) * PER_SECOND)]);
      return answers;
    });
  });

  async function attackedBy(kind: Attack, asUsual: () => Promise<Answers>): Promise<Answers> {
    const attacker = spawn(process.execPath, [ATTACK, kind, String(server.port), API_KEY], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(attacker, 'exit');
    try {
      await once(attacker.stdout, 'data');
      // The machine's processors are the server's and its clients' first.
      os.setPriority(attacker.pid ?? 0, os.constants.priority.PRIORITY_LOW);
      const answers = await asUsual();
      expect(attacker.exitCode, 'the attacker goes on to the end').to.equal(null);
      return answers;
    } finally {
      attacker.kill('SIGKILL');
      await ended;
    }
  }
});

const middleOf = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
