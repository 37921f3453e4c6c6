import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { expect } from 'chai';
import type { RankAddress } from '../../../../yarn-workers/worker/collectives/messages.ts';
import { certificatesOf, GROUP_ID, startRanks, type GroupPlan, type RankProcess } from './ranks.ts';
import type { RankConfig } from './rank.ts';

/** Trains until it is stopped. */
const ENDLESS = { iterations: 1_000_000, rowsOfPart: 2_000, totalRows: 6_000 };
/** A tenth of the defaults, and less. */
const LIMITS = { pingMs: 200, silenceMs: 3_000, helloMs: 1_000, rendezvousMs: 4_000, endMs: 1_000 };
/** Beyond a limit: for processes that share two cores with others. */
const SLACK_MS = 3_000;
const CODE = 75;

const endless = (plan: Omit<GroupPlan, 'job'>) => startRanks({ limits: LIMITS, ...plan, job: ENDLESS });

/** How each rank ended, and how long after now. */
async function ends(ranks: readonly RankProcess[]) {
  const from = performance.now();
  return Promise.all(
    ranks.map(async (rank) => ({ ...(await rank.brokenEnd()), rank: rank.rank, ms: performance.now() - from })),
  );
}

/** What the others of a group say that a rank never came to. */
const absent = (rank: number): RegExp =>
  new RegExp(`absent after 4 s: rank ${rank}|ended the group: absent after 4 s: rank ${rank}`);

const training = (ranks: readonly RankProcess[]) => Promise.all(ranks.map((rank) => rank.until('iteration')));

/** The config of one rank changed. */
const changeOf =
  (wanted: number, change: (config: RankConfig) => RankConfig) =>
  (config: RankConfig): RankConfig =>
    config.member.rank === wanted ? change(config) : config;

const withMember = (more: Partial<RankConfig['member']>) => (config: RankConfig) => ({
  ...config,
  member: { ...config.member, ...more },
});

/** Connects, says something, and goes. */
const stray = ({ host, port }: RankAddress, words: Uint8Array | string): Promise<void> =>
  new Promise((resolve) => {
    const socket = net.connect(port, host, () => socket.end(words));
    socket.resume();
    for (const event of ['error', 'close']) socket.on(event, () => resolve());
  });

describe('worker: a group that breaks', function () {
  this.timeout(60_000);
  let started: readonly RankProcess[] = [];
  const start = async (plan: Omit<GroupPlan, 'job'>): Promise<readonly RankProcess[]> => {
    started = await endless(plan);
    return started;
  };
  afterEach(async () => {
    for (const { process } of started) process.kill('SIGKILL');
    await Promise.all(started.map(({ ended }) => ended));
  });

  it('when a rank is killed: the others end at once', async () => {
    const ranks = await start({ size: 3 });
    await training(ranks);
    ranks[1]?.process.kill('SIGKILL');
    for (const { reason, code, ms } of await ends(ranks.filter(({ rank }) => rank !== 1))) {
      expect(code).to.equal(CODE);
      expect(reason).to.match(/the connection to rank 1 broke/);
      expect(ms).to.be.lessThan(SLACK_MS);
    }
  });

  it('when a rank is frozen: the others end after the limit of silence, and it says so of itself when it wakes', async () => {
    const ranks = await start({ size: 3 });
    await training(ranks);
    ranks[1]?.process.kill('SIGSTOP');
    for (const { reason, code, ms } of await ends(ranks.filter(({ rank }) => rank !== 1))) {
      expect(code).to.equal(CODE);
      expect(reason).to.match(/nothing was heard of rank 1 for 3.0 s/);
      expect(ms).to.be.within(LIMITS.silenceMs - LIMITS.pingMs, LIMITS.silenceMs + LIMITS.pingMs + SLACK_MS);
    }
    ranks[1]?.process.kill('SIGCONT');
    const [frozen] = await ends(ranks.filter(({ rank }) => rank === 1));
    expect(frozen?.code).to.equal(CODE);
    expect(frozen?.reason).to.match(/stood still for \d+\.\d s, the limit is 3.0 s|ended the group|broke/);
  });

  it('but not when a rank stands still for less', async () => {
    const ranks = await start({ size: 2 });
    await training(ranks);
    const [first, second] = ranks;
    second?.process.kill('SIGSTOP');
    const before = first?.events.length ?? 0;
    await new Promise((resolve) => setTimeout(resolve, LIMITS.silenceMs / 3)); // the span itself is what is tested
    second?.process.kill('SIGCONT');
    const seen = first?.events.findLast(({ event }) => event === 'iteration');
    const reached = seen?.event === 'iteration' ? seen.iterations : 0;
    await Promise.all(ranks.map((rank) => rank.until('iteration', ({ iterations }) => iterations > reached + 20)));
    expect(before).to.be.greaterThan(0);
  });

  for (const missing of [0, 1]) {
    it(`when rank ${missing} never comes: all others say so after the limit`, async () => {
      const ranks = await start({ size: 3, change: (config) => (config.member.rank === missing ? null : config) });
      for (const { reason, code, ms } of await ends(ranks)) {
        expect(code).to.equal(CODE);
        expect(reason).to.match(absent(missing));
        expect(ms).to.be.lessThan(LIMITS.rendezvousMs + SLACK_MS);
      }
    });
  }

  it('not by strangers at its ports: they are refused, or ignored until their time is over', async () => {
    const held: net.Socket[] = [];
    const ranks = await start({
      size: 3,
      onListening: async (_, addresses) => {
        for (const address of addresses) {
          for (let count = 0; count < 10; count += 1)
            held.push(net.connect(address.port, address.host).on('error', () => undefined));
          await Promise.all(
            ['', 'GET / HTTP/1.0\r\n\r\n', Buffer.of(1, 0, 0, 0), randomBytes(300)].map((words) =>
              stray(address, words),
            ),
          );
        }
      },
    });
    await training(ranks);
    for (const rank of ranks) expect((await rank.until('stray')).reason).to.match(/^(ERR_|ECONN|EPIPE)/);
    for (const socket of held) socket.destroy();
  });

  it('when a rank’s certificate is of another authority: it is told by the handshake, the others that it is absent', async () => {
    const certificates = certificatesOf(3)[1];
    if (certificates === undefined) expect.fail('no certificate');
    const ranks = await start({ size: 3, change: changeOf(1, withMember({ certificates })) });
    const all = await ends(ranks);
    expect(all[1]?.reason).to.match(
      /rank 0 at 127.0.0.1:\d+: its certificate was not signed by the authority of this group \([A-Z_]+\)/,
    );
    expect(all[1]?.ms).to.be.lessThan(SLACK_MS);
    for (const { code } of all) expect(code).to.equal(CODE);
    for (const { reason } of [all[0], all[2]].filter((end) => end !== undefined)) {
      // Rank 2 sees it, too, if it comes before rank 1 has ended.
      expect(reason).to.match(/rank 1 at .*: its certificate was not signed|absent after 4 s: rank 1/);
    }
  });

  it('when a rank has another rank’s certificate', async () => {
    const ranks = await start({
      size: 3,
      change: (config) => (config.member.rank === 1 ? withMember({ rank: 2 })(config) : config),
    });
    const all = await Promise.all(ranks.map((rank) => rank.brokenEnd()));
    expect(all[1]?.reason).to.match(
      /rank 0 at 127.0.0.1:\d+: it answered refusal: it said rank 2, its certificate is of URI:urn:trainyard:group:g_test:rank:1/,
    );
    for (const { code } of all) expect(code).to.equal(CODE);
  });

  it('when a rank listens with another rank’s certificate', async () => {
    const stolen = certificatesOf(2);
    const ranks = await start({
      size: 2,
      change: (config) => withMember({ certificates: stolen[1] ?? config.member.certificates })(config),
    });
    const all = await ends(ranks);
    expect(all[1]?.reason).to.match(
      /its certificate is for another name: URI:urn:trainyard:group:g_test:rank:1, expected URI:urn:trainyard:group:g_test:rank:0/,
    );
    for (const { code } of all) expect(code).to.equal(CODE);
  });

  it('when a rank is of an earlier time of the group', async () => {
    const ranks = await start({ size: 3, epoch: 2, change: changeOf(2, withMember({ epoch: 1 })) });
    const all = await ends(ranks);
    expect(all[2]?.reason).to.match(/it answered refusal: rank 2 is of epoch 1, the group is in epoch 2$/);
    for (const { code } of all) expect(code).to.equal(CODE);
    expect(all[0]?.reason).to.match(absent(2));
  });

  it('when a rank is of a group of another size', async () => {
    const ranks = await start({ size: 3, change: changeOf(2, withMember({ size: 4 })) });
    const all = await ends(ranks);
    expect(all[2]?.reason).to.match(
      new RegExp(`it said {"groupId":"${GROUP_ID}","size":4}, expected {"groupId":"${GROUP_ID}","size":3}$`),
    );
    for (const { code } of all) expect(code).to.equal(CODE);
  });

  it('when ranks train by different parameters', async () => {
    const ranks = await start({
      size: 2,
      change: changeOf(1, (config) => ({
        ...config,
        job: { ...config.job, parameters: { max_cat_threshold: 4 } },
      })),
    });
    for (const { reason, code, ms } of await ends(ranks)) {
      expect(code).to.equal(CODE);
      expect(reason).to.match(/rank \d does something else: it sent allgather of \d+ bytes as operation \d+, expected/);
      expect(ms).to.be.lessThan(SLACK_MS);
    }
  });

  it('when a rank has enough before the others', async () => {
    const ranks = await start({
      size: 2,
      change: changeOf(1, (config) => ({ ...config, job: { ...config.job, iterations: 3 } })),
    });
    for (const { reason, code } of await ends(ranks)) {
      expect(code).to.equal(CODE);
      expect(reason).to.match(/rank \d does something else/);
    }
  });

  it('when a rank lives but never comes to an exchange; deep in computing, it is ended by its mesh', async () => {
    const ranks = await start({
      size: 2,
      limits: { ...LIMITS, operationMs: 2_000 },
      change: changeOf(1, (config) => ({ ...config, hangsAfter: 5 })),
    });
    const [waiting, hanging] = ranks;
    expect(await waiting?.brokenEnd()).to.deep.include({ code: CODE });
    expect((await waiting?.until('failure'))?.reason).to.match(/operation \d+ \(.*\) was not finished within 2 s$/);
    expect(await hanging?.ended).to.equal(CODE);
    expect(hanging?.stderr).to.match(
      /^GROUP_BROKEN: rank 1 of 2: rank 0 ended the group: operation \d+ \(.*\) was not finished within 2 s\n$/,
    );
  });
});
