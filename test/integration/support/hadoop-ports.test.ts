import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { reservePorts } from '../../support/hadoop/ports.ts';

describe('support: ports of a Hadoop test cluster', () => {
  it('are never those of another cluster, nor taken', async () => {
    const blocks = await Promise.all(Array.from({ length: 8 }, reservePorts));
    const [block] = blocks;
    if (block === undefined) throw new Error('no block');
    const port = await block.next();
    const other = createServer().listen(port + 1, '127.0.0.1');
    await once(other, 'listening');
    expect(await block.next()).to.be.greaterThan(port + 1);
    other.close();
    const more = await Promise.all(blocks.map((each) => each.next()));
    expect(new Set(more.map((each) => Math.floor(each / 100))).size).to.equal(8);
    await Promise.all(blocks.map((each) => each.close()));
  });
});
