import { expect } from 'chai';
import { parse } from '#contracts';
import {
  HistogramData,
  addAllToHistogram,
  createHistogram,
  createRandom,
  edgesFromQuantiles,
  histogramEdges,
  histogramFromData,
  histogramToData,
  mergeHistogram,
  type Histogram,
} from '#statistics';
import { mergeAtRandom, normals, splits, throughJson } from '../support.ts';

function histogramOf(edges: ArrayLike<number>, values: Float64Array, from = 0, to = values.length): Histogram {
  const histogram = createHistogram(edges);
  addAllToHistogram(histogram, values, from, to);
  return histogram;
}

/** Bin of a value by looking at every edge. */
function slowCounts(edges: readonly number[], values: Float64Array): number[] {
  const last = edges.length - 2;
  return Array.from({ length: edges.length - 1 }, (_, b) => {
    const low = edges[b] ?? 0;
    const high = edges[b + 1] ?? 0;
    return values.filter((value) => value >= low && (value < high || (b === last && value === high))).length;
  });
}

describe('Histogram', () => {
  it('counts as looking at every edge does, even on the edges', () => {
    const random = createRandom(4);
    const evenly = histogramEdges(-1.1, 2.3, 37);
    const unevenly = edgesFromQuantiles([-2, -1, -1, -0.5, 0, 0.001, 3]);
    const nearly = [0, 1.3, 1.7, 3, 4.4, 5];
    for (const edges of [evenly, unevenly, nearly, [0, 1], [1e9, 1e9 + 1e-6, 1e9 + 2e-6]]) {
      const low = edges[0] ?? 0;
      const high = edges.at(-1) ?? 0;
      const drawn = Float64Array.from({ length: 2000 }, () => low + (random.uniform() * 1.2 - 0.1) * (high - low));
      const values = Float64Array.from([...drawn, ...edges, ...edges]);
      const histogram = histogramOf(edges, values);
      expect(Array.from(histogram.counts)).to.deep.equal(slowCounts(edges, values));
      expect(histogram.belowCount).to.equal(values.filter((value) => value < low).length);
      expect(histogram.aboveCount).to.equal(values.filter((value) => value > high).length);
    }
  });

  it('counts missing and infinite values apart', () => {
    const histogram = histogramOf([0, 1], Float64Array.of(NaN, -Infinity, Infinity, Infinity, 0, 1));
    expect(histogramToData(histogram)).to.deep.equal({
      edges: [0, 1],
      counts: [2],
      belowCount: 1,
      aboveCount: 2,
      missingCount: 1,
    });
  });

  it('adds up in any split', () => {
    const values = normals(2, 20_000).map((value, i) => (i % 50 === 0 ? NaN : value));
    const edges = histogramEdges(-3, 3, 20);
    const random = createRandom(8);
    const parts = splits(random, values.length, 12).map(([from, to]) => histogramOf(edges, values, from, to));
    expect(mergeAtRandom(random, parts, mergeHistogram)).to.deep.equal(histogramOf(edges, values));
  });

  it('comes back from JSON', () => {
    const histogram = histogramOf([0, 0.1, 5], normals(3, 100));
    expect(histogramFromData(parse(HistogramData, throughJson(histogramToData(histogram)), 'histogram'))).to.deep.equal(
      histogram,
    );
    expect(() => histogramFromData({ ...histogramToData(histogram), counts: [1] })).to.throw('1 counts for 3 edges');
  });

  it('refuses edges that are none', () => {
    for (const edges of [[], [1], [1, 1], [2, 1], [0, NaN], [0, Infinity]])
      expect(() => createHistogram(edges), String(edges)).to.throw('edges');
    expect(() => mergeHistogram(createHistogram([0, 1]), createHistogram([0, 2]))).to.throw('other edges');
  });
});

describe('histogram edges', () => {
  it('run from the least to the greatest value, both exact', () => {
    expect(histogramEdges(0, 1, 4)).to.deep.equal([0, 0.25, 0.5, 0.75, 1]);
    for (const [min, max] of [
      [-0.1, 0.7],
      [1e15, 1e15 + 1],
      [-Number.MAX_VALUE, Number.MAX_VALUE],
      [0, 5e-324],
      [1 / 3, 2 / 3],
    ] as const) {
      const edges = histogramEdges(min, max, 30);
      expect([edges[0], edges.at(-1)]).to.deep.equal([min, max]);
      expect(createHistogram(edges).counts.length).to.be.within(1, 30);
    }
  });

  it('hold a single value in their midst', () => {
    for (const value of [0, 7, -1e12, 1e300, Number.MAX_VALUE]) {
      const histogram = histogramOf(histogramEdges(value, value, 10), Float64Array.of(value));
      expect(Array.from(histogram.counts)).to.deep.equal([1]);
      expect(Array.from(histogramOf(edgesFromQuantiles([value, value]), Float64Array.of(value)).counts)).to.deep.equal([
        1,
      ]);
    }
  });

  it('refuse what cannot be made', () => {
    for (const [min, max, bins] of [
      [1, 0, 5],
      [NaN, 1, 5],
      [0, Infinity, 5],
      [0, 1, 0],
      [0, 1, 1.5],
    ] as const) {
      expect(() => histogramEdges(min, max, bins)).to.throw('cannot be made');
    }
    expect(() => edgesFromQuantiles([])).to.throw('no quantiles');
  });
});
