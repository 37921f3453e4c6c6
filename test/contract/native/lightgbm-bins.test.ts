import { expect } from 'chai';
import { isAppError } from '#contracts';
import type { EngineDataset, EngineDatasetSpec } from '#ml';
import { parseLightgbmModel, compileTreeWalk } from '#scoring';
import { findReference } from '../../../yarn-workers/ml/fit/binned/binned-dataset.ts';
import { chunksInMemory } from '../../../yarn-workers/ml/fit/binned/chunk-spool.ts';
import { readReference } from '../../../yarn-workers/ml/fit/binned/dataset-file.ts';
import { memberBins } from '../../../yarn-workers/ml/fit/binned/member-bins.ts';
import type { TableEncoder } from '../../../yarn-workers/ml/fit/encoder.ts';
import { testEngine } from '../../support/boosting-engine.ts';
import { freeIo } from '../../support/modelling-task.ts';
import { HOSTILE_CATEGORIES, HOSTILE_COLUMNS, hostileMatrix } from '../../support/hostile-matrix.ts';

const COLUMNS = HOSTILE_COLUMNS.length;
const CHUNK_ROWS = 65_536;
/** Three chunks, and an odd number of rows. */
const ROWS = 2 * CHUNK_ROWS + 4_321;
const SAMPLE_ROWS = 20_000;
const BLOCK_ROWS = 256;

const values = hostileMatrix(ROWS, 3);
const labels = Float32Array.from({ length: ROWS }, (_, row) => {
  const cell = (column: number): number => values[row * COLUMNS + column] ?? NaN;
  return cell(0) + Math.cos(cell(10)) + (cell(2) > 0.8 ? 1 : 0) - (cell(9) < 0 ? 0.5 : 0) + (cell(11) % 3) > 0.7
    ? 1
    : 0;
});
const weights = Float32Array.from({ length: ROWS }, (_, row) => 1 + (row % 3));

const specOf = (rowCount: number, changes: Partial<EngineDatasetSpec> = {}): EngineDatasetSpec => ({
  rowCount,
  columnCount: COLUMNS,
  categoricalColumns: HOSTILE_CATEGORIES,
  sample: values.subarray(0, SAMPLE_ROWS * COLUMNS),
  sampleRowCount: SAMPLE_ROWS,
  hasWeights: true,
  threadCount: 1,
  parameters: {},
  ...changes,
});

/** Rows of the matrix block by block, as a table gives them. */
const encoder: TableEncoder = {
  columnCount: COLUMNS,
  pass: async (sink) => {
    for (let from = 0; from < ROWS; from += BLOCK_ROWS) {
      const count = Math.min(BLOCK_ROWS, ROWS - from);
      await sink(values.slice(from * COLUMNS, (from + count) * COLUMNS), count, from);
    }
  },
  encode: () => undefined,
};

const spool = () => ({ ...chunksInMemory(), close: async () => undefined });

const validates = (row: number): boolean => row % 5 === 4;
const isHeldOut = (row: number): boolean => row % 5 === 3;
const all = (): boolean => true;
const none = (): boolean => false;

const binned = async (
  spec: EngineDatasetSpec,
  trains: (row: number) => boolean,
  holdsBack: (row: number) => boolean,
  isHeldOut: (row: number) => boolean,
) => {
  const { sample, sampleRowCount, ...facts } = spec;
  const kept = { values: sample, rowCount: sampleRowCount };
  const io = freeIo({ chunkRowsMax: CHUNK_ROWS });
  const reference = readReference(await findReference({ engine: testEngine(), io }, facts, async () => kept));
  const rows = {
    ...{ trains, validates: holdsBack, isHeldOut },
    labels: labels.filter((_, row) => trains(row)),
    weights: spec.hasWeights ? weights.filter((_, row) => trains(row)) : null,
  };
  const job = {
    ...{ engine: testEngine(), facts, reference, encoder, rows, anywhere: rows },
    ...{ tableRows: ROWS, keyOf: () => null },
  };
  return memberBins(job, io, async () => spool());
};

function modelOf(dataset: EngineDataset, iterations = 20): string {
  const booster = dataset.createBooster({ objective: 'binary', num_leaves: 31, min_data_in_leaf: 20 });
  for (let i = 0; i < iterations; i += 1) booster.update();
  const text = booster.modelText(0, iterations);
  booster.close();
  dataset.close();
  return text.slice(0, text.indexOf('parameters:'));
}

function pushed(spec: EngineDatasetSpec): EngineDataset {
  const parameters = { ...spec.parameters, enable_bundle: false, is_enable_sparse: false };
  const dataset = testEngine().createDataset({ ...spec, parameters });
  dataset.push(values, ROWS, labels, spec.hasWeights ? weights : null);
  dataset.finish();
  return dataset;
}

describe('contract: rows in bins', () => {
  for (const [name, changes] of Object.entries({
    'with weights': {},
    'without weights': { hasWeights: false },
    'with 15 bins': { parameters: { max_bin: 15 } },
    'with 1,000 bins': { parameters: { max_bin: 1_000 } },
  })) {
    it(`give the model that pushed values give, ${name}`, async () => {
      const spec = specOf(ROWS, changes);
      const { dataset, training } = await binned(spec, all, none, none);
      expect(training.rowCount).to.equal(ROWS);
      expect(modelOf(dataset)).to.equal(modelOf(pushed(spec)));
    });
  }

  it('stand for their rows: trees give the same scores, to the last bit', async () => {
    const rows = [...labels.keys()];
    const trains = (row: number): boolean => !validates(row) && !isHeldOut(row);
    const spec = specOf(rows.filter(trains).length);
    const { dataset, training, validation, holdout } = await binned(spec, trains, validates, isHeldOut);
    const booster = dataset.createBooster({ objective: 'binary', num_leaves: 63 });
    for (let i = 0; i < 30; i += 1) booster.update();
    const trees = parseLightgbmModel(booster.modelText(0, 30));
    booster.close();
    dataset.close();
    const score = compileTreeWalk(
      trees,
      Int32Array.from({ length: COLUMNS }, (_, column) => column),
    );
    const ofValues = new Float64Array(1);
    const ofBins = new Float64Array(1);
    for (const [part, wanted] of [
      [training, trains],
      [validation, validates],
      [holdout, isHeldOut],
    ] as const) {
      const numbers = rows.filter(wanted);
      expect(part.rowCount).to.equal(numbers.length);
      let seen = 0;
      await part.forEach((block, count, first) => {
        expect(first).to.equal(seen);
        for (let row = 0; row < count; row += 1) {
          score(block, row * COLUMNS, ofBins, 0);
          score(values, (numbers[first + row] ?? 0) * COLUMNS, ofValues, 0);
          if (!Object.is(ofBins[0], ofValues[0]))
            expect.fail(`row ${first + row}: ${String(ofBins[0])} and ${String(ofValues[0])}`);
        }
        seen += count;
      });
      expect(seen).to.equal(numbers.length);
    }
  });

  it('that are no file of LightGBM are refused, and what fails while they are made is told', async () => {
    const spec = specOf(10);
    const codeOf = async (parts: AsyncIterable<Uint8Array>): Promise<string> =>
      testEngine()
        .readDataset(spec, parts)
        .then(
          () => 'read',
          (err: unknown) => (isAppError(err) ? err.code : String(err)),
        );
    async function* rubbish(): AsyncGenerator<Uint8Array> {
      for (let part = 0; part < 200; part += 1) yield new Uint8Array(100_000).fill(part);
    }
    async function* short(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('______LightGBM_Binary_File_Token______\n\0', 'latin1');
    }
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield* short();
      throw new Error('the disk is gone');
    }
    expect(await codeOf(rubbish())).to.equal('INTERNAL');
    expect(await codeOf(short())).to.equal('INTERNAL');
    expect(await codeOf(failing())).to.equal('Error: the disk is gone');
  });
});
