import { expect } from 'chai';
import type { Group, GroupOptions } from '../../../../yarn-workers/worker/collectives/join-group.ts';
import { joinGroup } from '../../../../yarn-workers/worker/collectives/join-group.ts';
import type { RankAddress } from '../../../../yarn-workers/worker/collectives/messages.ts';
import { appErrorOf } from '../../../support/expect-error.ts';
import { listeningAt } from '../../../support/listening.ts';
import { until } from '../../../support/processes.ts';
import { certificatesOf, GROUP_ID } from './ranks.ts';

const host = '127.0.0.1';

function optionsOf(rank: number, size: number, peers: GroupOptions['peers']): GroupOptions {
  const certificates = certificatesOf(size)[rank];
  if (certificates === undefined) expect.fail('no certificate');
  const limits = { rendezvousMs: 1_000 };
  const onFailure = (err: Error): void => expect.fail(err.message);
  return { groupId: GROUP_ID, rank, size, epoch: 1, certificates, listenHost: host, peers, limits, onFailure };
}

/** Listens and finds nobody. */
const alone: GroupOptions['peers'] = async (port) => [
  { host, port },
  { host, port: 1 },
];

describe('worker: joining a group', function () {
  this.timeout(20_000);
  afterEach(() => expect(listeningAt(process.pid)).to.deep.equal([]));

  it('is refused for an address that is not this host’s', async () => {
    const options = { ...optionsOf(0, 2, alone), listenHost: '192.0.2.1' };
    const { message } = await appErrorOf('GROUP_BROKEN', () => joinGroup(options));
    expect(message).to.match(/^rank 0 of 2: 192\.0\.2\.1 cannot be listened at: .*EADDRNOTAVAIL/);
  });

  it('fails when the others do not come, and listens no more', async () => {
    const { message } = await appErrorOf('GROUP_BROKEN', () => joinGroup(optionsOf(0, 2, alone)));
    expect(message).to.equal('rank 0 of 2: absent after 1 s: rank 1');
    const below = await appErrorOf('GROUP_BROKEN', () =>
      joinGroup(
        optionsOf(1, 2, async (port) => [
          { host, port: 1 },
          { host, port },
        ]),
      ),
    );
    expect(below.message).to.equal('rank 1 of 2: absent after 1 s: rank 0 (127.0.0.1:1: ECONNREFUSED)');
  });

  it('fails with the error of whoever should know where the others are', async () => {
    const lost = new Error('nobody knows');
    const caught = await joinGroup(optionsOf(0, 2, () => Promise.reject(lost))).catch((err: unknown) => err);
    expect(caught).to.equal(lost);
  });

  it('is for two ranks at least, and for those that there are', async () => {
    const never = (): Promise<readonly RankAddress[]> => expect.fail('nothing was started');
    for (const [rank, size] of [
      [0, 1],
      [-1, 2],
      [2, 2],
      [0, 65],
    ] as const)
      await appErrorOf('INTERNAL', () => joinGroup({ ...optionsOf(0, 2, never), rank, size }));
  });

  /** Both ranks of a group, in this process: each has a mesh in a thread of its own. */
  async function pair(onFailure: (err: Error) => void, isFirstLate = false): Promise<[Group, Group]> {
    const isJoined = Promise.withResolvers<undefined>();
    const ports = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
    const certificates = certificatesOf(2);
    const join = (rank: number): Promise<Group> => {
      const own = certificates[rank];
      if (own === undefined) expect.fail('no certificate');
      return joinGroup({
        ...{ groupId: GROUP_ID, rank, size: 2, epoch: 1, certificates: own, listenHost: host, onFailure },
        limits: { operationMs: 100, toldMs: 50, rendezvousMs: isFirstLate ? 500 : 60_000 },
        peers: async (port) => {
          ports[rank]?.resolve(port);
          if (isFirstLate && rank === 0) await isJoined.promise;
          return (await Promise.all(ports.map(({ promise }) => promise))).map((each) => ({ host, port: each }));
        },
      });
    };
    const second = join(1);
    void second.then(() => isJoined.resolve(undefined));
    return Promise.all([join(0), second]);
  }

  it('is done when the others have come, also before the first rank learns where they are', async () => {
    const [first, second] = await pair((err) => expect.fail(err.message), true);
    let waitedMs = 0;
    const waiting = second.gather(Buffer.of(2), (ms) => void (waitedMs = ms));
    await until('more than the time to meet', () => waitedMs > 1_000);
    const own = await first.gather(Buffer.of(1), () => undefined);
    for (const all of [own, await waiting]) expect(all.map((bytes) => [...bytes])).to.deep.equal([[1], [2]]);
    await first.leave();
    await second.leave();
  });

  it('lets a rank wait for another one that lives for longer than an exchange may take, and tells that it waits', async () => {
    const [first, second] = await pair((err) => expect.fail(err.message));
    for (const round of [1, 2]) {
      const told: number[] = [];
      const waiting = second.gather(Buffer.from(`of 1 in ${round}`), (waitedMs) => void told.push(waitedMs));
      await until('the limit of an exchange, twice', () => (told.at(-1) ?? 0) > 200);
      const own = await first.gather(Buffer.from(`${round}`), () => undefined);
      for (const all of [own, await waiting])
        expect(all.map((bytes) => Buffer.from(bytes).toString())).to.deep.equal([`${round}`, `of 1 in ${round}`]);
    }
    await first.leave();
    await second.leave();
  });

  it('ends a wait for a rank that leaves', async () => {
    const reasons: string[] = [];
    const [first, second] = await pair(({ message }) => reasons.push(message));
    let isTold = false;
    const waiting = appErrorOf('GROUP_BROKEN', () => second.gather(Buffer.of(1), () => void (isTold = true)));
    await until('a notice', () => isTold);
    await first.leave();
    expect((await waiting).message).to.match(
      /^rank 1 of 2: (rank 0 left before operation 1|the connection to rank 0 broke)/,
    );
    await second.leave();
    expect(reasons).to.have.length(1);
  });
});
