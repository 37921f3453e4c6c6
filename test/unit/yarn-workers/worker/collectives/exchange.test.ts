import { expect } from 'chai';
import { AppError } from '#contracts';
import { CONTROL_BYTES, openControl } from '../../../../../yarn-workers/worker/collectives/control.ts';
import { Exchange, reasonOf, viewOf } from '../../../../../yarn-workers/worker/collectives/exchange.ts';
import { GROUP_LIMITS } from '../../../../../yarn-workers/worker/collectives/limits.ts';
import type { OperationMessage } from '../../../../../yarn-workers/worker/collectives/messages.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { until } from '../../../../support/processes.ts';

const RANK = 1;
const SIZE = 3;

/** An exchange whose mesh gives what rank r sends by `blockOf` at once, and one that never answers. */
function opened(blockOf: ((rank: number, message: OperationMessage) => Uint8Array) | null, operationMs = 5_000) {
  const control = openControl(new SharedArrayBuffer(CONTROL_BYTES));
  const sent: OperationMessage[] = [];
  const post = (message: OperationMessage): void => {
    sent.push(message);
    if (blockOf === null) return;
    for (const [rank, range] of message.incomingRanges.entries())
      if (rank !== RANK) viewOf(message.incoming, range).set(blockOf(rank, message));
    control.finish(message.operation);
  };
  return { control, sent, exchange: new Exchange({ rank: RANK, size: SIZE, control, operationMs, toldMs: 50, post }) };
}

const text = (blocks: readonly Uint8Array[]): string[] => blocks.map((block) => Buffer.from(block).toString());

describe('exchange of blocks', () => {
  it('returns the blocks in rank order, one’s own among them', () => {
    const { exchange, sent } = opened((rank) => Buffer.from(`r${rank}`));
    exchange.reserve(6).set(Buffer.from('aabbcc'));
    const parts = [0, 2, 4].map((start) => ({ start, length: 2 }));
    expect(text(exchange.exchange('reduce-scatter', parts, [2, 2, 2]))).to.deep.equal(['r0', 'bb', 'r2']);
    const [message] = sent;
    if (message === undefined) expect.fail('nothing was posted');
    expect(text(message.outgoingRanges.map((range) => viewOf(message.outgoing, range)))).to.deep.equal([
      ...['aa', 'bb', 'cc'],
    ]);
    expect(exchange.stats).to.deep.include({ operationCount: 1, sentBytes: 4 });
  });

  it('gathers copies, which later exchanges leave alone', () => {
    const { exchange } = opened((rank, { operation }) => Buffer.from(`${operation}r${rank}`));
    const first = exchange.allgather(Buffer.from('own'));
    exchange.allgather(Buffer.from('two'));
    exchange.allgather(Buffer.from('too'));
    expect(text(first)).to.deep.equal(['1r0', 'own', '1r2']);
  });

  it('never gives out the memory of the operation before, which may still be in a queue', () => {
    const { exchange, sent } = opened((_, { incomingRanges }) => new Uint8Array(incomingRanges[0]?.length ?? 0));
    for (const size of [10, 10, 3_000_000, 10, 4_000_000, 4_000_000]) exchange.allgather(new Uint8Array(size));
    for (const [index, { outgoing }] of sent.entries()) expect(outgoing).to.not.equal(sent[index - 1]?.outgoing);
    expect(exchange.reserve(1).buffer).to.not.equal(sent.at(-1)?.outgoing);
  });

  it('grows to what is exchanged, and has room for blocks of different lengths', () => {
    const sizes = [2_000_000, 7, 5_000_000];
    const { exchange } = opened((rank) => new Uint8Array(sizes[rank] ?? 0).fill(rank + 1));
    exchange.reserve(7).fill(9);
    const own = { start: 0, length: 7 };
    const blocks = exchange.exchange('allgather', [own, own, own], sizes);
    expect(blocks.map(({ length }) => length)).to.deep.equal(sizes);
    expect(blocks.map((block) => new Set(block))).to.deep.equal([new Set([1]), new Set([9]), new Set([3])]);
  });

  it('gathers bytes of any length while the thread goes on, longer than an operation may take, and says that it waits', async () => {
    const { exchange, control, sent } = opened(null, 20);
    const told: number[] = [];
    const gathered = exchange.gather(Buffer.from('own'), (waitedMs) => void told.push(waitedMs));
    await until('two notices', () => told.length >= 2);
    expect(await appErrorOf('INTERNAL', () => exchange.allgather(Buffer.of(1)))).to.have.property(
      'message',
      'operation 1 is not finished',
    );
    const lengths = [2, 3, 0];
    const [first] = sent;
    if (first === undefined) expect.fail('nothing was posted');
    for (const rank of [0, 2])
      viewOf(first.incoming, first.incomingRanges[rank]).set(
        new Uint8Array(Float64Array.of(lengths[rank] ?? NaN).buffer),
      );
    control.finish(1);
    await until('the second operation', () => sent.length === 2);
    const [, second] = sent;
    if (second === undefined) expect.fail('nothing was posted');
    expect(second.incomingRanges.map(({ length }) => length)).to.deep.equal([2, 0, 0]);
    viewOf(second.incoming, second.incomingRanges[0]).set(Buffer.from('r0'));
    control.finish(2);
    expect(text(await gathered)).to.deep.equal(['r0', 'own', '']);
    expect(told.every((waitedMs) => waitedMs >= 50)).to.equal(true);
  });

  it('waits no longer when the group breaks, or when it is told to end', async () => {
    const lost = opened(null);
    const gathered = lost.exchange.gather(Buffer.of(1), () => undefined);
    lost.control.break('rank 0 is lost');
    expect(await appErrorOf('GROUP_BROKEN', () => gathered)).to.have.property('message', 'rank 1 of 3: rank 0 is lost');
    const ended = opened(null).exchange.gather(Buffer.of(1), () => {
      throw new AppError('TASK_CANCELLED', 'enough');
    });
    await appErrorOf('TASK_CANCELLED', () => ended);
  });

  it('says which operation was late, and why the group broke', async () => {
    const { exchange, control, sent } = opened(null, 20);
    const late = await appErrorOf('GROUP_BROKEN', () => exchange.allgather(Buffer.of(1)));
    expect(late.message).to.equal('rank 1 of 3: operation 1 (allgather) was not finished within 0.02 s');
    expect(reasonOf(late)).to.equal('operation 1 (allgather) was not finished within 0.02 s');
    control.break('rank 2 is gone');
    const broken = await appErrorOf('GROUP_BROKEN', () => exchange.allgather(Buffer.of(1)));
    expect(broken.message).to.equal('rank 1 of 3: rank 2 is gone');
    expect(sent, 'nothing is begun in a broken group').to.have.length(1);
  });
});

describe('limits of a group', () => {
  it('end it within 90 s of a loss, a silence or an absence', () => {
    const { pingMs, silenceMs, endMs, rendezvousMs, helloMs } = GROUP_LIMITS;
    expect(silenceMs + 2 * pingMs + endMs).to.be.at.most(90_000);
    expect(rendezvousMs + helloMs).to.be.at.most(90_000);
    expect(silenceMs).to.be.at.least(10 * pingMs);
  });
});
