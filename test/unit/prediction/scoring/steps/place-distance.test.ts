import { expect } from 'chai';
import { isAppError, type Manifest, type ManifestFeature, type ManifestStep } from '#contracts';
import {
  checkStep,
  contentHashOf,
  kilometresBetween,
  openArtifact,
  stepColumnCount,
  stepColumns,
  stepInputs,
  type DistanceStep,
  type Scorer,
} from '#scoring';
import { createRandom } from '#statistics';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { sha256 } from '../sample-artifact.ts';
import { columnArtifact, columnScorer, scores, type Row } from './column-scorer.ts';

/** Of a great circle, by the mean radius of 6,371.0088 km. */
const DEGREE_KM = (6371.0088 * Math.PI) / 180;

const nullMarkers = ['NA'];
const number = (name: string): ManifestFeature => ({ name, type: 'numeric', parse: { kind: 'number', nullMarkers } });
const place = (name: string): ManifestFeature => ({ name, type: 'geo', parse: { kind: 'geo', nullMarkers } });
const FEATURES: ManifestFeature[] = [
  ...[number('to_lon'), place('shop'), number('to_lat'), number('lat'), number('lon'), place('home')],
  { name: 'city', type: 'categorical', parse: { kind: 'category', keyRule: 'text', nullMarkers } },
];
const NUMBERS: DistanceStep = {
  ...{ kind: 'place-distance', feature: 3, longitude: 4, other: 2, otherLongitude: 0 },
  measures: ['kilometres', 'log-kilometres'],
};
const TEXTS: DistanceStep = {
  ...{ kind: 'place-distance', feature: 1, longitude: null, other: 5, otherLongitude: null },
  measures: ['kilometres'],
};
const MIXED: DistanceStep = { ...TEXTS, other: 3, otherLongitude: 4 };

/** A model that answers one column, and -1 of a row that misses it. */
const scorerOf = (steps: readonly ManifestStep[], column: number): Scorer => columnScorer(FEATURES, steps, column);

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found.length).to.equal(expected.length);
  for (const [index, value] of expected.entries()) expect(found[index], String(index)).to.be.closeTo(value, 1e-9);
}

describe('scoring: kilometres between two places', () => {
  it('are those of a great circle', () => {
    const degrees = (...places: Parameters<typeof kilometresBetween>): number =>
      kilometresBetween(...places) / DEGREE_KM;
    expect(degrees(10, 20, 13, 20)).to.be.closeTo(3, 1e-12);
    expect(degrees(0, 20, 0, 80)).to.be.closeTo(60, 1e-12);
    // Over the pole, and across the 180th meridian.
    expect(degrees(80, 15, 80, -165)).to.be.closeTo(20, 1e-12);
    expect(degrees(0, 179.5, 0, -179.5)).to.be.closeTo(1, 1e-12);
    expect(degrees(90, -40, -90, 140)).to.be.closeTo(180, 1e-12);
    // scikit-learn 1.9.1, haversine_distances: Buenos Aires to Paris, 11,099.54035582 km by a radius of 6,371 km.
    const airports = kilometresBetween(-34.83333, -58.5166646, 49.0083899664, 2.53844117956);
    expect((airports * 6371) / 6371.0088).to.be.closeTo(11_099.54035582, 1e-7);
  });

  it('are 0 of one place, however its longitude is counted, and at a pole', () => {
    const random = createRandom(3);
    for (let time = 0; time < 1_000; time += 1) {
      const [north, east] = [180 * random.uniform() - 90, 360 * random.uniform() - 180];
      expect(kilometresBetween(north, east, north, east)).to.equal(0);
      expect(kilometresBetween(north, east, north, east + 360 * (east < 0 ? 1 : -1))).to.be.below(1e-8);
    }
    expect(kilometresBetween(90, 0, 90, 77)).to.be.below(1e-8);
  });

  it('are the same both ways, never more than half a circle, and keep the metre', () => {
    const random = createRandom(4);
    const [south, west] = [() => 180 * random.uniform() - 90, () => 720 * random.uniform() - 360];
    for (let time = 0; time < 1_000; time += 1) {
      const [a, b, c, d] = [south(), west(), south(), west()];
      const found = kilometresBetween(a, b, c, d);
      expect(found)
        .to.equal(kilometresBetween(c, d, a, b))
        .and.to.be.within(0, 180 * DEGREE_KM);
      expect(kilometresBetween(a, b, -a, b + (b > 0 ? -180 : 180))).to.be.closeTo(180 * DEGREE_KM, 1e-3);
    }
    expect(kilometresBetween(48, 11, 48 + 1e-5, 11)).to.be.closeTo(1e-5 * DEGREE_KM, 1e-11);
  });

  it('are missing where a number is missing or no degrees', () => {
    const right: readonly number[] = [1, 2, 3, 4];
    const wrongOf = [90.001, 360.001, -90.001, -360.001];
    for (const at of right.keys())
      for (const wrong of [NaN, Infinity, -Infinity, wrongOf[at] ?? NaN]) {
        const [a, b, c, d] = right.with(at, wrong);
        expect(kilometresBetween(a ?? 0, b ?? 0, c ?? 0, d ?? 0), `${at}: ${wrong}`).to.be.NaN;
      }
    expect(kilometresBetween(90, 360, -90, -360)).to.be.closeTo(180 * DEGREE_KM, 1e-9);
    expect(kilometresBetween(-90, -360, 90, 360)).to.be.closeTo(180 * DEGREE_KM, 1e-9);
  });
});

describe('scoring: the distance between two places of a row', () => {
  it('is read of two pairs of numbers, row by row and in batches', () => {
    const rows: Row[] = [
      { lat: '50', lon: '8', to_lat: '52', to_lon: '8' },
      { to_lon: '-180', to_lat: '0', lon: '179', lat: '0' },
      { lat: '50', lon: '8', to_lat: '50', to_lon: ' 8e0 ' },
      { lat: '50', lon: 'NA', to_lat: '52', to_lon: '8' },
      { lat: '50', lon: '8', to_lat: null, to_lon: '8' },
      { lat: '50', lon: '8', to_lat: '52' },
      { lat: '95', lon: '8', to_lat: '52', to_lon: '8' },
      { lat: '50', lon: '8', to_lat: '52', to_lon: '1e9' },
      {},
    ];
    const missing = [-1, -1, -1, -1, -1, -1];
    expectClose(scores(scorerOf([NUMBERS], 0), rows), [2 * DEGREE_KM, DEGREE_KM, 0, ...missing]);
    expectClose(scores(scorerOf([NUMBERS], 1), rows), [
      ...[Math.log(1 + 2 * DEGREE_KM), Math.log(1 + DEGREE_KM), 0],
      ...missing,
    ]);
  });

  it('is read of features that are places, and of these and numbers', () => {
    const rows: Row[] = [
      { shop: '50,8', home: 'POINT(8 53)', lat: '49', lon: '8' },
      { shop: '0 -179', home: '(0, 180)', lat: '0', lon: '181' },
      { shop: 'NA', home: '50,8', lat: '50', lon: '8' },
      { shop: '50,8', home: null, lat: 'NA', lon: '8' },
      { home: '50,8' },
    ];
    // Beside other steps of the same features, as a model has them.
    const steps: ManifestStep[] = [
      { kind: 'place-parts', feature: 1, parts: ['latitude'], width: 1 },
      { kind: 'numeric', feature: 3 },
      ...[TEXTS, MIXED],
    ];
    expectClose(scores(scorerOf(steps, 2), rows), [3 * DEGREE_KM, DEGREE_KM, -1, -1, -1]);
    expectClose(scores(scorerOf(steps, 3), rows), [DEGREE_KM, 0, -1, -1, -1]);
    expectClose(scores(scorerOf(steps, 0), rows), [50, 0, -1, 50, -1]);
    expectClose(scores(scorerOf(steps, 1), rows), [49, 0, 50, -1, -1]);
  });

  it('has a name for each measure, and counts as the first feature’s in explanations', () => {
    const columns = [NUMBERS, TEXTS, MIXED].flatMap((step) => stepColumns(step, FEATURES));
    expect(columns.map(({ name }) => name)).to.deep.equal([
      ...['lat, lon to to_lat, to_lon.kilometres', 'lat, lon to to_lat, to_lon.log-kilometres'],
      ...['shop to home.kilometres', 'shop to lat, lon.kilometres'],
    ]);
    expect(columns.map(({ sourceFeature }) => sourceFeature)).to.deep.equal(['lat', 'lat', 'shop', 'shop']);
    expect([NUMBERS, TEXTS].map(stepColumnCount)).to.deep.equal([2, 1]);
    expect([NUMBERS, TEXTS, MIXED].map(stepInputs)).to.deep.equal([
      [3, 4, 2, 0],
      [1, 5],
      [1, 3, 4],
    ]);
    const scorer = scorerOf([MIXED], 0);
    expect(scorer.inputFeatures).to.deep.equal(['shop', 'lat', 'lon']);
    const out = scorer.createPrediction(true);
    scorer.scoreRow({ shop: '50,8', lat: '49', lon: '8' }, out, 0);
    expect(out.contributions?.[0]).to.be.closeTo(DEGREE_KM, 1e-9);
    expect([...(out.contributions ?? [])].slice(1)).to.deep.equal([0, 0]);
  });

  it('is refused of what is no place', async () => {
    for (const step of [NUMBERS, TEXTS, MIXED]) checkStep(step, 0, FEATURES);
    const refused: readonly (readonly [ManifestStep, string])[] = [
      [{ ...NUMBERS, feature: 6 }, 'reads category, expected geo or number'],
      [{ ...NUMBERS, feature: 1 }, 'reads geo of feature 1 with a longitude beside'],
      [{ ...NUMBERS, longitude: null }, 'reads number of feature 3 with no longitude beside'],
      [{ ...NUMBERS, longitude: 1 }, 'has feature 1 as longitude, which is no number'],
      [{ ...NUMBERS, other: 6 }, 'reads category of feature 6 with a longitude beside'],
      [{ ...NUMBERS, other: 7 }, 'reads nothing of feature 7 with a longitude beside'],
      [{ ...NUMBERS, otherLongitude: 7 }, 'has feature 7 as longitude, which is no number'],
      [{ ...TEXTS, other: 2 }, 'reads number of feature 2 with no longitude beside'],
      [{ ...MIXED, other: 5 }, 'reads geo of feature 5 with a longitude beside'],
    ];
    for (const [step, part] of refused) {
      const err = await appErrorOf('ARTIFACT_INVALID', () => checkStep(step, 4, FEATURES));
      expect(err.message).to.contain(part);
    }
  });
});

describe('scoring: artefacts with distances that are none', () => {
  it('are refused, or predict: never anything else', () => {
    const random = createRandom(8);
    const values = [-1, 0, 1, 2, 3, 4, 5, 6, 7, 0.5, null, '3', [], ['kilometres'], ['miles'], NUMBERS.measures];
    const rows: Row[] = [{ lat: '50', lon: '8', to_lat: '52', to_lon: '8', shop: '1,2', home: '2 3', city: 'x' }, {}];
    const outcomes = new Map<string, number>();
    for (let time = 0; time < 2_000; time += 1) {
      const changed: Record<string, unknown> = { ...[NUMBERS, TEXTS, MIXED][time % 3] };
      for (let count = 1 + random.below(2); count > 0; count -= 1) {
        const name = ['feature', 'longitude', 'other', 'otherLongitude', 'measures'][random.below(5)] ?? '';
        changed[name] = values[random.below(values.length)];
      }
      const outcome = outcomeOf(() => scores(openChanged(changed), rows));
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect([...outcomes.keys()].toSorted()).to.deep.equal(['ARTIFACT_INVALID', 'predicted']);
    expect(outcomes.get('predicted')).to.be.greaterThan(100);
    expect(outcomes.get('ARTIFACT_INVALID')).to.be.greaterThan(800);
  });
});

/** Opens an artefact of which a step has become something else; its hash is right. */
function openChanged(step: unknown): Scorer {
  const { manifest, blob } = columnArtifact(FEATURES, [TEXTS], 0);
  // The cast is the point: what comes from a file may be anything.
  const content = { ...manifest.content, steps: [step] } as Manifest['content'];
  return openArtifact({ ...manifest, content, contentHash: contentHashOf(content, sha256) }, blob, sha256);
}

function outcomeOf(predict: () => readonly number[]): string {
  try {
    return predict().every(Number.isFinite) ? 'predicted' : 'no number';
  } catch (err) {
    return isAppError(err) ? err.code : String(err);
  }
}
