import type { BatchSource, Column, TrainTask } from '#contracts';
import { rowHash } from '#statistics';
import { numberRule, textRule } from './memory-table.ts';

const ROWS = 4_000;
const NUMBERS = 12;
const BATCH_ROWS = 1_000;
/** Cells of a matrix in memory: one of these rows has ten times as many. */
export const CELLS_MAX = 4_000;
const LEVELS = ['ash', 'beech', 'cedar', 'oak'];

const uniform = (row: number, column: number): number => rowHash(column + 1, row) / 0x1_0000_0000;

const cellOf = (row: number, column: number): number =>
  column % 7 === 3 && uniform(row, column + 10_000) < 0.05 ? NaN : uniform(row, column);

const levelOf = (row: number): number => Math.floor(LEVELS.length * uniform(row, 90_001));

/** A category of many levels. */
const SOILS = Array.from({ length: 120 }, (_, soil) => `soil ${soil}`);
const soilOf = (row: number): number => Math.floor(SOILS.length * uniform(row, 90_003));

const WORDS = ['wet', 'dry', 'steep', 'flat', 'stony', 'deep', 'clay', 'sand'];
const noteOf = (row: number): string =>
  [90_004, 90_005, 90_006].map((salt) => WORDS[Math.floor(WORDS.length * uniform(row, salt))]).join(' ');

const isPositive = (row: number): boolean =>
  uniform(row, 0) +
    uniform(row, 1) * uniform(row, 2) +
    (levelOf(row) === 2 ? 0.4 : 0) +
    (noteOf(row).includes('wet') ? 0.1 : 0) +
    uniform(row, 90_002) >
  1.3;

/** A table that is computed when it is read. */
export const source: BatchSource = {
  rowCount: ROWS,
  batches: async function* (request, _signal, { from, to } = { from: 0, to: ROWS }) {
    // Whole batches, as readers give whole units.
    for (let firstRow = from - (from % BATCH_ROWS); firstRow < to; firstRow += BATCH_ROWS) {
      const rows = Array.from({ length: BATCH_ROWS }, (_, row) => firstRow + row);
      yield {
        firstRow,
        rowCount: BATCH_ROWS,
        columns: request.map(({ name }): Column => {
          if (name === 'target')
            return {
              ...{ view: 'dictionary', name, dictionary: ['no', 'yes'] },
              codes: Int32Array.from(rows, (row) => Number(isPositive(row))),
            };
          if (name === 'tree')
            return { view: 'dictionary', name, codes: Int32Array.from(rows, levelOf), dictionary: LEVELS };
          if (name === 'soil')
            return { view: 'dictionary', name, codes: Int32Array.from(rows, soilOf), dictionary: SOILS };
          if (name === 'note') return { view: 'text', name, values: rows.map(noteOf) };
          const column = Number(name.slice(1));
          return { view: 'number', name, values: Float64Array.from(rows, (row) => cellOf(row, column)) };
        }),
      };
    }
  },
};

const names = Array.from({ length: NUMBERS }, (_, column) => `x${column}`);

/** Features that tasks do not have by default. */
export const SOIL = { name: 'soil', type: 'categorical' as const, uniqueCount: SOILS.length };
export const NOTE = { name: 'note', type: 'text' as const, uniqueCount: WORDS.length ** 3 };

/** A task on it that is boosted on from bins where no more than CELLS_MAX cells stay in memory. */
export const taskOf = (changes: Partial<TrainTask>): TrainTask => ({
  ...{ kind: 'train', modelId: 'model', projectId: 'project', datasetId: 'dataset', metric: 'logLoss' },
  table: {
    rowCount: ROWS,
    columns: [...names, 'tree', 'soil', 'note', 'target'].map((name, position) => ({
      ...{ name, position, hasTwin: false },
      storage: name.startsWith('x') ? 'float64' : 'string',
      parse: name.startsWith('x') ? numberRule : textRule,
    })),
    files: [],
  },
  target: {
    ...{ name: 'target', targetType: 'binary', positiveClass: 1 },
    classes: ['no', 'yes'].map((label) => ({ label, texts: [label], rowCount: ROWS / 2 })),
  },
  features: [
    ...names.map((name) => ({ name, type: 'numeric' as const, uniqueCount: ROWS })),
    { name: 'tree', type: 'categorical', uniqueCount: LEVELS.length },
  ],
  partitioning: {
    ...{ method: 'random', validation: 'tvh', folds: 1, column: null, seed: 3 },
    ...{ validationFraction: 0.2, holdoutFraction: 0.1 },
  },
  weightColumn: null,
  monotonic: { increasing: ['x0'], decreasing: [] },
  blueprintId: 'lightgbm-default',
  parameters: { maxIterations: 12, leaves: 7, earlyStoppingRounds: 5, minRowsPerLeaf: 50 },
  sampleFraction: 1,
  refit: null,
  seed: 5,
  threadCount: 2,
  ...changes,
});
