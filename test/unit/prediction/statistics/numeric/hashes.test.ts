import { expect } from 'chai';
import { hash32, hashText, hashWords, mix32, rowHash, textHash, type Hash64 } from '#statistics';

/** By the C++ original (Python packages mmh3 and scikit-learn agree). Never change these: partitions depend on them. */
const ROW_HASHES: readonly [number, number, number][] = [
  [0, 0, 1669671676],
  [0, 1, 1392991556],
  [0, 2, 3323962100],
  [0, 1000, 2827443468],
  [0, 2147483648, 386683422],
  [0, 4294967295, 689913327],
  [0, 4294967296, 987256456],
  [0, 4294967297, 953780890],
  [0, 9007199254740991, 3047000987],
  [1, 0, 3935659133],
  [1, 1, 3741873941],
  [42, 0, 2624043101],
  [42, 1, 2582647965],
  [42, 2, 3497040024],
  [42, 1000, 3491643577],
  [42, 4294967296, 2987933509],
  [42, 9007199254740991, 1254640103],
  [2147483648, 2147483648, 471875800],
  [2147483648, 4294967297, 1361050671],
  [4294967295, 0, 4073885932],
  [4294967295, 4294967295, 3168340355],
  [4294967295, 9007199254740991, 1782560384],
];

/** Text, MurmurHash3_x86_32 with seeds 0 and 12345, first two words of MurmurHash3_x86_128; over UTF-16LE. */
const TEXT_HASHES: readonly [string, number, number, number, number][] = [
  ['', 0, 1011272156, 0, 0],
  ['a', 1867108634, 4002541333, 54243734, 3438235617],
  ['ab', 374890698, 3805788633, 638564691, 2938287869],
  ['abc', 1118836419, 558450321, 727422883, 553082805],
  ['é', 1105794559, 4037749321, 1273812452, 2597092260],
  ['naïve café', 1427602953, 2244330479, 1881838844, 2233642701],
  ['😀', 1443257913, 597317365, 4114133076, 2033236127],
  ['aaaaaaa', 2298179520, 121380699, 1170337068, 840410145],
  ['aaaaaaaa', 1908573351, 1588412579, 3416486778, 1018341543],
  ['aaaaaaaaa', 4281801796, 2686992704, 2209036080, 3638149937],
  ['The quick brown fox jumps over the lazy dog', 3766333596, 2427277039, 364820102, 261420746],
  ['\udc00x', 3430440207, 4085388840, 3343160081, 3529497774],
];

/** Low and high word of a float64, first two words of MurmurHash3_x86_128 of its bytes. */
const WORD_HASHES: readonly [number, number, number, number][] = [
  [0, 0, 3760762433, 1198698628],
  [0, 1072693248, 3511274798, 4221558339],
  [2576980378, 1069128089, 3633492679, 3717181259],
  [2281731484, 2117592124, 1479989993, 3293782129],
];

describe('hashes', () => {
  it('keep the golden values of rows', () => {
    for (const [seed, row, hash] of ROW_HASHES) expect(rowHash(seed, row), `${seed} ${row}`).to.equal(hash);
  });

  it('keep the golden values of texts', () => {
    const out: Hash64 = { high: 0, low: 0 };
    for (const [text, zero, other, high, low] of TEXT_HASHES) {
      expect(textHash(0, text), text).to.equal(zero);
      expect(textHash(12345, text), text).to.equal(other);
      hashText(text, out);
      expect(out, text).to.deep.equal({ high, low });
    }
  });

  it('keep the golden values of words', () => {
    const out: Hash64 = { high: 0, low: 0 };
    for (const [low, high, first, second] of WORD_HASHES) {
      hashWords(low, high, out);
      expect(out).to.deep.equal({ high: first, low: second });
    }
    expect(hash32(7, 1, 2, 3)).to.equal(2363118295);
    expect(hash32(7)).to.equal(415870660);
    expect(hash32(7, 0xffffffff)).to.equal(1935827890);
    expect(hash32(42, 1000, 0)).to.equal(rowHash(42, 1000));
  });

  it('refuse what is no row number', () => {
    for (const row of [-1, 0.5, NaN, Infinity, 2 ** 53])
      expect(() => rowHash(1, row), String(row)).to.throw('row number');
  });

  it('deal consecutive rows evenly: chi-squared of 64 cells under its 0.9999 quantile for many seeds', () => {
    const cells = 64;
    const rows = 64_000;
    for (let seed = 0; seed < 20; seed++) {
      const counts = new Float64Array(cells);
      for (let row = 0; row < rows; row++) {
        const cell = Math.floor((rowHash(seed, row) / 2 ** 32) * cells);
        counts[cell] = (counts[cell] ?? 0) + 1;
      }
      const chiSquared = counts.reduce((sum, count) => sum + (count - rows / cells) ** 2 / (rows / cells), 0);
      expect(chiSquared, `seed ${seed}`).to.be.within(20, 117);
    }
  });

  it('deal rows independently for neighbouring seeds', () => {
    const rows = 50_000;
    let both = 0;
    for (let row = 0; row < rows; row++) if (rowHash(1, row) >>> 31 === rowHash(2, row) >>> 31) both++;
    // Binomial(50000, 1/2): six standard deviations are 671.
    expect(Math.abs(both - rows / 2)).to.be.below(671);
  });

  it('flip each output bit for half of the input bits', () => {
    for (let bit = 0; bit < 32; bit++) {
      let flips = 0;
      for (let i = 0; i < 1000; i++) {
        const change = mix32(i * 2654435761) ^ mix32((i * 2654435761) ^ (1 << bit));
        for (let out = change; out !== 0; out &= out - 1) flips++;
      }
      expect(flips / 1000, `bit ${bit}`).to.be.within(14.5, 17.5);
    }
  });
});
