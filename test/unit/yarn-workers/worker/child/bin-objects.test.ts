import { utimes } from 'node:fs/promises';
import { expect } from 'chai';
import { localBins } from '../../../../support/bin-objects.ts';

const [KEY, OTHER] = ['a', 'b'].map((digit) => digit.repeat(64)) as [string, string];
const HOUR_MS = 3_600_000;

describe('worker: sets of shards as objects', () => {
  const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
  const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

  it('are found when they are sealed, by their key alone', async () => {
    const { bins } = localBins();
    expect(await bins.find(KEY)).to.deep.equal([]);
    const writer = bins.create(KEY);
    await writer.write('training-000000', bytesOf('0123456789'));
    expect(await bins.find(KEY)).to.deep.equal([]);
    const sealed = await writer.seal(bytesOf('an index'));
    const [found] = await bins.find(KEY);
    for (const set of [sealed, found]) {
      expect(textOf(set?.index ?? new Uint8Array())).to.equal('an index');
      expect(textOf((await set?.read('training-000000', 3, 4)) ?? new Uint8Array())).to.equal('3456');
      expect(await set?.read('training-000000', 8, 4)).to.have.length(2);
    }
    expect(await bins.find(OTHER)).to.deep.equal([]);
  });

  it('are gone when they are given up or dropped, and those of other writers are not', async () => {
    const { bins, names } = localBins();
    const [first, second] = [bins.create(KEY), bins.create(KEY)];
    for (const writer of [first, second]) await writer.write('training-000000', bytesOf('x'));
    await first.abandon();
    expect(await names()).to.have.length(1);
    const set = await second.seal(bytesOf('an index'));
    await bins.create(OTHER).seal(bytesOf('another index'));
    await set.drop();
    expect(await names()).to.have.length(1);
    expect(await bins.find(OTHER)).to.have.length(1);
  });

  it('say that they are used once an hour, and that which was used last comes first', async () => {
    const { bins, names, objects, folder } = localBins();
    const indexes = ['first', 'second'];
    for (const index of indexes) await bins.create(KEY).seal(bytesOf(index));
    const age = async (hours: number): Promise<void> => {
      for (const name of await names()) {
        const then = new Date(Date.now() - hours * HOUR_MS);
        await utimes(objects.localPath(`${folder}/${name}`), then, then);
      }
    };
    const found = async () => bins.find(KEY);
    const indexOf = async (place: number): Promise<string> => textOf((await found())[place]?.index ?? new Uint8Array());
    for (const set of await found()) await set.use();
    expect(await names(), 'they are new').to.have.length(2);
    await age(2);
    const last = await indexOf(1);
    await (await found())[1]?.use();
    expect(await names()).to.have.length(3);
    expect(await indexOf(0)).to.equal(last);
    await (await found())[0]?.use();
    expect(await names(), 'it was said just now').to.have.length(3);
  });
});
