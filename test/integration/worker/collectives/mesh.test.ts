import { once } from 'node:events';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { encodeHeader, type FrameHeader } from '../../../../yarn-workers/worker/collectives/frame.ts';
import { GROUP_LIMITS } from '../../../../yarn-workers/worker/collectives/limits.ts';
import { Link } from '../../../../yarn-workers/worker/collectives/link.ts';
import { Mesh, type MeshOperation } from '../../../../yarn-workers/worker/collectives/mesh.ts';
import { until } from '../../../support/processes.ts';
import { certificatesOf, GROUP_ID } from './ranks.ts';

const EPOCH = 3;
const LIMITS = { ...GROUP_LIMITS, helloMs: 1_000 };

interface Watched {
  readonly mesh: Mesh;
  readonly port: number;
  readonly seen: { isConnected: boolean; finished: number[]; reason: string | null; isTold: boolean };
}

const host = '127.0.0.1';

async function listening(rank: number, certificates: ReturnType<typeof certificatesOf>): Promise<Watched> {
  const own = certificates[rank];
  if (own === undefined) expect.fail('no certificate');
  const seen: Watched['seen'] = { isConnected: false, finished: [], reason: null, isTold: false };
  const member = { groupId: GROUP_ID, rank, size: certificates.length, epoch: EPOCH, certificates: own };
  const mesh = new Mesh(member, LIMITS, {
    connected: () => (seen.isConnected = true),
    stray: () => undefined,
    finished: (operation) => seen.finished.push(operation),
    broken: (reason) => (seen.reason = reason),
    told: () => (seen.isTold = true),
  });
  return { mesh, port: await mesh.listen(host), seen };
}

/** One operation of a rank that sends everybody these words; `incoming` is filled when it is finished. */
function operationOf(number: number, words: string, lengths: readonly number[]): MeshOperation {
  return {
    number,
    kind: 'allgather',
    outgoing: lengths.map(() => Buffer.from(words)),
    incoming: lengths.map((length) => new Uint8Array(length)),
  };
}

const received = ({ incoming }: MeshOperation): string[] => incoming.map((block) => Buffer.from(block).toString());

describe('worker: mesh of a group', function () {
  this.timeout(20_000);
  const open: Watched[] = [];
  const links: Link[] = [];
  afterEach(async () => {
    for (const link of links.splice(0)) link.close();
    await Promise.all(open.splice(0).map(({ mesh }) => mesh.leave()));
  });

  async function connected(size: number): Promise<readonly Watched[]> {
    const certificates = certificatesOf(size);
    const meshes = await Promise.all(certificates.map((_, rank) => listening(rank, certificates)));
    open.push(...meshes);
    for (const { mesh } of meshes) mesh.meet(meshes.map(({ port }) => ({ host, port })));
    await until('the mesh', () => meshes.every(({ seen }) => seen.isConnected));
    return meshes;
  }

  /** Rank 0 of two with a rank 1 that sends what it likes. */
  async function beside() {
    const certificates = certificatesOf(2);
    const rank = await listening(0, certificates);
    open.push(rank);
    const [, { authority, certificate, key } = expect.fail('no certificate')] = certificates;
    const own = { host, port: rank.port, ca: authority, cert: certificate, key };
    const socket = connect({ ...own, checkServerIdentity: () => undefined });
    const told: string[] = [];
    const link = new Link(
      socket,
      { rank: 1, epoch: EPOCH },
      {
        place: ({ length }) => new Uint8Array(length),
        take: ({ kind }, payload) => told.push(`${kind} ${Buffer.from(payload).toString()}`.trim()),
        lost: () => told.push('end'),
      },
    );
    links.push(link);
    await once(socket, 'secureConnect');
    link.send('hello', 0, Buffer.from(JSON.stringify({ groupId: GROUP_ID, size: 2 })));
    await until('the mesh', () => rank.seen.isConnected);
    return { rank, link, told };
  }

  it('exchanges blocks of any length, also where one rank is an operation ahead', async () => {
    const [first, second, third] = await connected(3);
    if (first === undefined || second === undefined || third === undefined) expect.fail('no rank');
    const lengths = [1, 0, 3];
    const operations = [
      [first, 'a'],
      [second, ''],
      [third, 'ccc'],
    ] as const;
    for (const number of [1, 2, 3]) {
      const begun: MeshOperation[] = [];
      for (const [{ mesh, seen }, words] of operations) {
        const operation = operationOf(number, words, lengths);
        begun.push(operation);
        mesh.begin(operation);
        // The last one finds the blocks of the others there.
        if (words === '') await until('the first block', () => seen.finished.length === number - 1);
      }
      await until('the end', () => operations.every(([{ seen }]) => seen.finished.length === number));
      expect(begun.map((operation) => received(operation).join())).to.deep.equal([
        ...['\0,,ccc', 'a,,ccc', 'a,,\0\0\0'],
      ]);
    }
    for (const { seen } of open) expect(seen).to.deep.include({ finished: [1, 2, 3], reason: null });
  });

  it('lets ranks leave one after the other, and breaks when one that has left is missed', async () => {
    const [first, second, third] = await connected(3);
    await third?.mesh.leave();
    await until('the goodbye', () => first?.seen.reason === null && second?.seen.reason === null);
    first?.mesh.begin(operationOf(1, 'a', [1, 1, 1]));
    await until('the end', () => first?.seen.reason !== null && second?.seen.reason !== null);
    expect(first?.seen.reason).to.equal('rank 2 left before operation 1');
    expect(second?.seen.reason).to.equal('rank 0 ended the group: rank 2 left before operation 1');
    expect(third?.seen).to.deep.include({ reason: null, isTold: false });
  });

  const frame = (more: Partial<FrameHeader>, payload = ''): Buffer => {
    const header: FrameHeader = {
      epoch: EPOCH,
      operation: 1,
      kind: 'allgather',
      sender: 1,
      length: payload.length,
      ...more,
    };
    return Buffer.concat([encodeHeader(header), Buffer.from(payload)]);
  };
  const outOfStep: [string, Buffer, RegExp][] = [
    ['what is no frame', Buffer.from('GET / HTTP/1.1\r\n\r\n\r\n'), /^a frame begins with 0x20544547/],
    ['another rank’s frame', frame({ sender: 2 }, 'x'), /^rank 1 of epoch 3 sent a frame of rank 2, epoch 3$/],
    ['another epoch’s frame', frame({ epoch: 2 }), /^rank 1 of epoch 3 sent a frame of rank 1, epoch 2$/],
    ['a block two operations ahead', frame({ operation: 2 }, 'x'), /sent a block of operation 2, this rank is at 0$/],
    ['two blocks ahead', Buffer.concat([frame({}, 'x'), frame({}, 'x')]), /operation 1, this rank is at 0$/],
    ['an empty block too many', Buffer.concat([frame({}), frame({})]), /operation 1, this rank is at 0$/],
    ['a second hello', frame({ operation: 0, kind: 'hello' }, '{}'), /^rank 1 sent hello in the midst of things$/],
  ];
  for (const [what, bytes, reason] of outOfStep) {
    it(`breaks at ${what}, and tells the other side`, async () => {
      const { rank, link, told } = await beside();
      link.socket.write(bytes);
      await until('the end', () => told.includes('end'));
      expect(rank.seen.isTold).to.equal(true);
      expect(rank.seen.reason).to.match(reason);
      expect(told).to.deep.equal(['welcome', `abort ${rank.seen.reason ?? ''}`, 'end']);
    });
  }

  it('breaks at a block that it does not expect, and tells the other side', async () => {
    const { rank, link, told } = await beside();
    link.socket.write(frame({ kind: 'reduce-scatter' }, 'xx'));
    rank.mesh.begin(operationOf(1, 'a', [1, 1]));
    await until('the end', () => told.includes('end'));
    const reason =
      'rank 1 does something else: it sent reduce-scatter of 2 bytes as operation 1, expected allgather of 1; ' +
      'are data and parameters the same on all ranks?';
    expect(rank.seen).to.deep.include({ reason, isTold: true });
    expect(told.at(-2)).to.equal(`abort ${reason}`);
  });

  it('has no more to do with a group that is broken', async () => {
    const [first, second] = await connected(2);
    second?.mesh.break('enough');
    second?.mesh.break('more than that');
    await until('the end', () => first?.seen.reason !== null);
    expect([second?.seen.reason, first?.seen.reason]).to.deep.equal(['enough', 'rank 1 ended the group: enough']);
    first?.mesh.begin(operationOf(1, 'a', [1, 1]));
    expect(first?.seen.finished).to.deep.equal([]);
  });
});
