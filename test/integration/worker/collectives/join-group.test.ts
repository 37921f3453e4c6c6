import { expect } from 'chai';
import type { GroupOptions } from '../../../../yarn-workers/worker/collectives/join-group.ts';
import { joinGroup } from '../../../../yarn-workers/worker/collectives/join-group.ts';
import type { RankAddress } from '../../../../yarn-workers/worker/collectives/messages.ts';
import { appErrorOf } from '../../../support/expect-error.ts';
import { listeningAt } from '../../../support/listening.ts';
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
});
