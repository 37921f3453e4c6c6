import { expect } from 'chai';
import {
  choose,
  compileWasm,
  f64,
  f64Absolute,
  f64Add,
  f64AtMost,
  f64Divide,
  f64GreaterThan,
  f64LessThan,
  f64Load,
  f64Store,
  f64Unequal,
  i32,
  i32Add,
  i32And,
  i32Lane,
  i32LeadingZeros,
  i32LessThan,
  i32Multiply,
  i32OfF64,
  i32ShiftLeft,
  instantiate,
  load,
  repeat,
  sequence,
  splatI32,
  store,
  variables,
  type Code,
} from '#wasm';

const NUMBERS = [NaN, 0, -0, 1, -1, 0.5, -1.5, 1e-35, 5e-324, 2 ** 31, -(2 ** 31) - 1, 1e300, Infinity, -Infinity];
const INTEGERS = [0, 1, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, 65_536, 2 ** 31 - 1, -(2 ** 31)];

/** Runs code that reads the first numbers of a memory and writes to its place 64. */
function run(body: Code, numbers: readonly number[] = []): DataView {
  const { memory, exports } = instantiate(compileWasm([{ name: 'run', parameters: [], variables: [], body }]), 128);
  const view = new DataView(memory.buffer);
  for (const [index, value] of numbers.entries()) view.setFloat64(8 * index, value, true);
  (exports as { run(): void }).run(); // the module was made of it
  return view;
}

const numberOf = (code: Code, ...numbers: number[]): number =>
  run(f64Store(i32(64), code), numbers).getFloat64(64, true);
const integerOf = (code: Code, ...numbers: number[]): number =>
  run(store(i32(64), splatI32(code)), numbers).getInt32(64, true);

const [first, second] = [f64Load(i32(0)), f64Load(i32(0), 8)];

describe('WebAssembly', () => {
  it('has constants of every length', () => {
    for (const value of INTEGERS) expect(integerOf(i32(value))).to.equal(value);
    for (const value of NUMBERS) expect(Object.is(numberOf(f64(value)), value), String(value)).to.equal(true);
  });

  it('computes with numbers as JavaScript does', () => {
    for (const a of NUMBERS) {
      expect(Object.is(numberOf(f64Absolute(first), a), Math.abs(a)), `|${a}|`).to.equal(true);
      for (const b of NUMBERS) {
        const pair = `${a}, ${b}`;
        expect(Object.is(numberOf(f64Add(first, second), a, b), a + b), pair).to.equal(true);
        expect(Object.is(numberOf(f64Divide(first, second), a, b), a / b), pair).to.equal(true);
        expect(integerOf(f64LessThan(first, second), a, b), pair).to.equal(Number(a < b));
        expect(integerOf(f64GreaterThan(first, second), a, b), pair).to.equal(Number(a > b));
        expect(integerOf(f64AtMost(first, second), a, b), pair).to.equal(Number(a <= b));
        expect(integerOf(f64Unequal(first, second), a, b), pair).to.equal(Number(a !== b));
      }
    }
  });

  it('computes with integers as JavaScript does', () => {
    for (const a of INTEGERS) {
      expect(integerOf(i32LeadingZeros(i32(a)))).to.equal(Math.clz32(a));
      expect(integerOf(i32ShiftLeft(i32(a), i32(3)))).to.equal(a << 3);
      for (const b of INTEGERS) {
        expect(integerOf(i32Add(i32(a), i32(b)))).to.equal((a + b) | 0);
        expect(integerOf(i32Multiply(i32(a), i32(b)))).to.equal(Math.imul(a, b));
        expect(integerOf(i32And(i32(a), i32(b)))).to.equal(a & b);
        expect(integerOf(i32LessThan(i32(a), i32(b)))).to.equal(Number(a >>> 0 < b >>> 0));
      }
    }
  });

  it('takes the fraction off, and keeps within 32 bits', () => {
    const [least, most] = [-(2 ** 31), 2 ** 31 - 1];
    for (const a of NUMBERS) {
      const expected = Number.isNaN(a) ? 0 : Math.trunc(Math.max(least, Math.min(most, a)));
      expect(integerOf(i32OfF64(first), a), String(a)).to.equal(expected + 0);
    }
  });

  it('chooses by a condition', () => {
    expect(integerOf(choose(i32(7), i32(1), i32(2)))).to.equal(1);
    expect(integerOf(choose(i32(0), i32(1), i32(2)))).to.equal(2);
    expect(numberOf(choose(i32(0), first, second), 1.5, -0)).to.equal(-0);
  });

  it('reads each integer of a vector', () => {
    for (const lane of [0, 1, 2, 3]) {
      const view = run(f64Store(i32(64), f64Load(i32(8 * lane))), [1, 2, 3, 4]);
      expect(view.getFloat64(64, true)).to.equal(lane + 1);
      // 1.5 and -2 as bits: 0, 0x3ff80000, 0, 0xc0000000.
      const expected = [0, 0x3ff80000, 0, 0xc0000000 | 0][lane];
      expect(integerOf(i32Lane(load(i32(0)), lane), 1.5, -2)).to.equal(expected);
    }
  });

  it('repeats as long as something is left, one loop within another', () => {
    const named = variables<'outer' | 'inner' | 'sum'>({}, { outer: 'i32', inner: 'i32', sum: 'i32' });
    const { read, write, step } = named;
    const inner = sequence(step('sum', read('inner')), step('inner', i32(1)));
    const outer = sequence(
      write('inner', i32(0)),
      repeat(inner, i32LessThan(read('inner'), i32(4))),
      step('outer', i32(1)),
    );
    const body = sequence(repeat(outer, i32LessThan(read('outer'), i32(5))), store(i32(64), splatI32(read('sum'))));
    const { memory, exports } = instantiate(compileWasm([{ name: 'run', ...named, body }]), 1);
    (exports as { run(): void }).run(); // the module was made of it
    expect(new DataView(memory.buffer).getInt32(64, true)).to.equal(5 * (0 + 1 + 2 + 3));
  });
});
