import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { ADAM, kernelsWith } from '../../../../../../yarn-workers/ml/fit/network/kernels.ts';

const { fround } = Math;

/** Memory as numbers, and places of arrays in it. */
function arrays(lengths: readonly number[]) {
  const { memory, kernels } = kernelsWith(4 * lengths.reduce((sum, length) => sum + length, 0));
  const all = new Float32Array(memory.buffer);
  let at = 0;
  const views = lengths.map((length) => {
    const view = all.subarray(at, at + length);
    at += length;
    return view;
  });
  return { kernels, views, addressOf: (view: Float32Array): number => view.byteOffset };
}

const someNumbers = (count: number, factor: number): Float32Array =>
  Float32Array.from({ length: count }, (_, index) => Math.sin(factor * (index + 1)));

describe('kernels of networks', () => {
  for (const [m, k, n] of [
    [4, 1, 8],
    [8, 5, 16],
    [256, 33, 24],
  ] as const) {
    it(`multiply ${m} x ${k} and ${k} x ${n}, the first one turned or not, in single precision and a fixed order`, () => {
      const { kernels, views, addressOf } = arrays([m * k, k * n, m * n]);
      const [a = new Float32Array(0), b = new Float32Array(0), c = new Float32Array(0)] = views;
      a.set(someNumbers(m * k, 0.7));
      b.set(someNumbers(k * n, 1.3));
      for (const [aRow, aStep] of [
        [k, 1],
        [1, m],
      ] as const) {
        kernels.product(addressOf(c), addressOf(a), addressOf(b), m, k, n, 4 * aRow, 4 * aStep);
        const expected = Array.from({ length: m * n }, (_, at) => {
          const [i, j] = [Math.floor(at / n), at % n];
          let sum = 0;
          for (let p = 0; p < k; p += 1)
            sum = fround(sum + fround((a[i * aRow + p * aStep] ?? NaN) * (b[p * n + j] ?? NaN)));
          return sum;
        });
        expect([...c]).to.deep.equal(expected);
      }
    });
  }

  it('give cosines and their derivatives within 1e-6', () => {
    const count = 20_000;
    const { kernels, views, addressOf } = arrays([count, count, count]);
    const [z = new Float32Array(0), cosine = new Float32Array(0), slope = new Float32Array(0)] = views;
    for (let at = 0; at < count; at += 1) z[at] = (at - count / 2) * (at % 2 === 0 ? 0.001 : 1);
    kernels.cosines(addressOf(z), addressOf(cosine), addressOf(slope), count);
    for (const [at, angle] of z.entries()) {
      expect(cosine[at]).to.be.closeTo(Math.cos(angle), 1e-6, `cosine of ${angle}`);
      expect(slope[at]).to.be.closeTo(-Math.sin(angle), 1e-6, `sine of ${angle}`);
    }
  });

  it('leave out the same random places of two arrays, about as many as are wanted, and scale the others', () => {
    const count = 40_000;
    const { kernels, views, addressOf } = arrays([count, count, 4]);
    const [a = new Float32Array(0), b = new Float32Array(0), state = new Float32Array(0)] = views;
    const words = new Uint32Array(state.buffer, state.byteOffset, 4);
    const drop = (seed: number): void => {
      a.fill(2);
      b.fill(-3);
      words.set([seed, seed + 2, seed + 4, seed + 6]);
      kernels.drop(addressOf(a), addressOf(b), count, addressOf(state), Math.floor(0.75 * 2 ** 32), 0.5);
    };
    drop(1);
    const first = [...a];
    const left = a.filter((value) => value === 1).length;
    expect(left / count).to.be.closeTo(0.75, 0.01);
    expect(a.every((value) => value === 1 || value === 0)).to.equal(true);
    expect([...b]).to.deep.equal(first.map((value) => -1.5 * value));
    expect([...words]).to.not.deep.equal([1, 3, 5, 7]);
    drop(1);
    expect([...a]).to.deep.equal(first);
    drop(9);
    expect([...a]).to.not.deep.equal(first);
  });

  it('reserve no more addresses than they use in a task process, since clusters may check these', () => {
    const url = new URL('../../../../../../yarn-workers/ml/fit/network/kernels.ts', import.meta.url).href;
    const program = `
      import { readFileSync } from 'node:fs';
      import { kernelsWith } from ${JSON.stringify(url)};
      const addresses = () => Number(/VmSize:\\s*(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
      kernelsWith(65_536);
      const before = addresses();
      const kept = [1, 2, 3].map(() => kernelsWith(2 ** 20));
      console.log(addresses() - before, kept.length);`;
    const flags = ['--disable-wasm-trap-handler', '--input-type=module', '--eval', program];
    const [addedKib = NaN, count] = execFileSync(process.execPath, flags, { encoding: 'utf8' }).split(' ').map(Number);
    expect(count).to.equal(3);
    // Without a bound it would be 4 GiB for each.
    expect(addedKib).to.be.within(3 * 1_024, 64 * 1_024);
  });

  it('make the step of Adam', () => {
    const count = 8;
    const { kernels, views, addressOf } = arrays([count, count, count, count]);
    const [p = new Float32Array(0), g = new Float32Array(0), m = new Float32Array(0), s = new Float32Array(0)] = views;
    p.set(someNumbers(count, 0.3));
    g.set(someNumbers(count, 2.1));
    m.set(someNumbers(count, 0.9));
    s.set(someNumbers(count, 1.7).map(Math.abs));
    const before = [p, g, m, s].map((view) => [...view]);
    const [rate, keep, first, second] = [0.05, 0.99, 1.4, 1.2];
    kernels.adam(addressOf(p), addressOf(g), addressOf(m), addressOf(s), count, rate, keep, first, second);
    const [p0 = [], g0 = [], m0 = [], s0 = []] = before;
    for (let at = 0; at < count; at += 1) {
      const slope = g0[at] ?? NaN;
      const moment = ADAM.moment * (m0[at] ?? NaN) + (1 - ADAM.moment) * slope;
      const square = ADAM.square * (s0[at] ?? NaN) + (1 - ADAM.square) * slope ** 2;
      const change = (rate * moment * first) / (Math.sqrt(square * second) + ADAM.epsilon);
      expect(m[at]).to.be.closeTo(moment, 1e-6);
      expect(s[at]).to.be.closeTo(square, 1e-6);
      expect(p[at]).to.be.closeTo(keep * (p0[at] ?? NaN) - change, 1e-6);
    }
  });
});
