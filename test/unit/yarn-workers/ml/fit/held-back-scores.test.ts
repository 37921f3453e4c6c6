import { expect } from 'chai';
import { encodeOutOfFold, outOfFoldFile, TRAINING, type OutOfFold } from '#ml';
import { HeldBackScores } from '../../../../../yarn-workers/ml/fit/held-back-scores.ts';
import { takeRows } from '../../../../../yarn-workers/ml/fit/out-of-fold-source.ts';
import { manyPredictions, type MadePredictions } from '../../../../support/many-predictions.ts';

/** More rows than a block or a section has at a time, and odd numbers of them. */
const KINDS: readonly MadePredictions[] = [
  { rowCount: 140_001, targetType: 'binary', foldCount: 5 },
  { rowCount: 1_003, targetType: 'multiclass', isWeighted: true },
  { rowCount: 999, targetType: 'regression', isWeighted: true, foldCount: 3, isByDate: true },
  { rowCount: 0, targetType: 'binary' },
];

/** What a fit knows of a table whose rows at 1, 3, 5, ... are held back. */
function scoresOf(data: OutOfFold): HeldBackScores {
  const { length } = data.rows;
  const rowOf = (place: number): number => 2 * place + 1;
  const of = new Int8Array(2 * length + 1).fill(TRAINING);
  const classes = data.classes === null ? null : new Int32Array(of.length);
  const [values, weights] = [data.values, data.weights].map((known) =>
    known === null ? null : new Float64Array(of.length),
  );
  for (let place = 0; place < length; place += 1) {
    of[rowOf(place)] = data.partitions[place] ?? NaN;
    classes?.fill(data.classes?.[place] ?? NaN, rowOf(place), rowOf(place) + 1);
    values?.fill(data.values?.[place] ?? NaN, rowOf(place), rowOf(place) + 1);
    weights?.fill(data.weights?.[place] ?? NaN, rowOf(place), rowOf(place) + 1);
  }
  const members = Array.from({ length: data.foldCount }, (_, fold) => ({ fold }));
  const spans = data.isByDate === undefined ? null : { of: new Uint8Array(of.length), count: 1, trains: [] };
  const known = { roles: { of, members, spans }, rows: { classes, values: values ?? null, weights: weights ?? null } };
  const scores = new HeldBackScores(known, data.outputCount);
  scores.predictions.set(data.predictions);
  return scores;
}

describe('ml: predictions of rows that a fit holds back', () => {
  for (const kind of KINDS)
    it(`are those of ${kind.rowCount} rows of a ${kind.targetType} target, in memory, in blocks and as a file`, async () => {
      const made = manyPredictions(kind);
      const data = { ...made, rows: made.rows.map((_, place) => 2 * place + 1) };
      const scores = scoresOf(data);
      expect(await scores.whole()).to.deep.equal(data);
      expect(await takeRows(scores, ({ rows }) => Uint32Array.from(rows.keys()))).to.deep.equal(data);
      const file = Buffer.concat(await Array.fromAsync(outOfFoldFile(scores)));
      expect(file.equals(encodeOutOfFold(data))).to.equal(true);
    });

  it('are changed where they stand: blocks have what is written into them', async () => {
    const scores = scoresOf(manyPredictions({ rowCount: 10, targetType: 'binary' }));
    scores.predictions.fill(0.25);
    const { predictions } = await scores.whole();
    expect([...new Set(predictions)]).to.deep.equal([0.25]);
  });
});
