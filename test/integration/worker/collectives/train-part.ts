import { deserialize } from 'node:v8';
import type { BoostingEngine, EngineParameters, PartitionedEngine } from '#ml';
import { compileTrees, type TreeArrays } from '#scoring';
import { settingsOf } from '../../../../yarn-workers/ml/blueprints/catalogue.ts';
import { isBoosted, isXgboost, type GbmSettings } from '../../../../yarn-workers/ml/blueprints/settings.ts';
import { boost, type BoostJob } from '../../../../yarn-workers/ml/fit/boost.ts';
import { lightgbmDataset } from '../../../../yarn-workers/ml/fit/boosting.ts';
import { rowsInMemory } from '../../../../yarn-workers/ml/fit/encoder.ts';
import { datasetParameters, engineParameters } from '../../../../yarn-workers/ml/fit/lightgbm-parameters.ts';
import { stopBook } from '../../../../yarn-workers/ml/fit/stops.ts';
import { sha256 } from '../../../support/boosting-engine.ts';
import { objectiveFor } from '../../../support/objective.ts';
import { aucOf, CATEGORY_COLUMN, COLUMN_COUNT, joined, madePart, type Part } from './made-table.ts';

const SEED = 5;
const SAMPLE_SEED = 777;
const SAMPLE_ROWS = 4_000;
const HELD_OUT_SEED = 4_242;
const HELD_OUT_ROWS = 4_000;

/** What a rank boosts; the parts and the resumed trees apart, it is the same on all of them. */
export interface PartJob {
  readonly blueprintId: string;
  readonly changes: Partial<GbmSettings>;
  /** Seeds of the parts that lie in this process. */
  readonly parts: readonly number[];
  readonly rowsOfPart: number;
  readonly totalRows: number;
  readonly iterations: number;
  /** Put over the others. */
  readonly parameters: EngineParameters;
  /** Segments of an earlier time, serialized by V8; empty for none. */
  readonly resumed: Uint8Array;
  /** What {@link findTableBins} gave. */
  readonly bins: Uint8Array;
}

/** A model and what it is compared by. */
export interface TrainedPart {
  /** Of LightGBM's texts of all trees. */
  readonly textSha256: string;
  /** Of the trees. */
  readonly treesSha256: string;
  /** Where the first tree splits. */
  readonly firstSplits: string;
  /** On rows that nobody trained on. */
  readonly auc: number;
}

export interface PartEvents {
  readonly onIteration: (iterations: number) => void;
  readonly onSegment: (segments: readonly TreeArrays[]) => void;
}

function settingsFor({ blueprintId, changes, iterations }: Pick<PartJob, 'blueprintId' | 'changes' | 'iterations'>) {
  const settings = settingsOf(blueprintId, {});
  if (settings === null || !isBoosted(settings) || isXgboost(settings)) throw new Error(`${blueprintId}: not LightGBM`);
  return { ...settings, maxIterations: iterations, ...changes };
}

const dataParameters = (job: Pick<PartJob, 'blueprintId' | 'changes' | 'iterations' | 'totalRows'>): EngineParameters =>
  datasetParameters({ seed: SEED }, settingsFor(job), job.totalRows);

const shared = { columnCount: COLUMN_COUNT, categoricalColumns: [CATEGORY_COLUMN], threadCount: 1 };

/** Bins of the whole table, by a sample that is no part of it. */
export function findTableBins(
  engine: Pick<BoostingEngine, 'findBins'>,
  job: Pick<PartJob, 'blueprintId' | 'changes' | 'iterations' | 'totalRows'>,
): Uint8Array {
  return engine.findBins({
    ...shared,
    rowCount: job.totalRows,
    hasWeights: false,
    sample: madePart(SAMPLE_SEED, SAMPLE_ROWS).values,
    sampleRowCount: SAMPLE_ROWS,
    parameters: dataParameters(job),
  });
}

/** Boosts on the parts of this process, beside other ranks if the engine is joined to some. */
export async function trainPart(engine: PartitionedEngine, job: PartJob, events: PartEvents): Promise<TrainedPart> {
  const part = joined(job.parts.map((seed) => madePart(seed, job.rowsOfPart)));
  const texts: string[] = [];
  const dataset = engine.createPart(job.bins, {
    ...shared,
    rowCount: part.rowCount,
    hasWeights: false,
    parameters: dataParameters(job),
  });
  try {
    dataset.push(part.values, part.rowCount, part.labels, null);
    dataset.finish();
    const noting: typeof dataset = {
      ...dataset,
      createBooster(parameters) {
        const booster = dataset.createBooster({ ...parameters, ...job.parameters });
        return {
          ...booster,
          modelText(first, count) {
            const text = booster.modelText(first, count);
            texts.push(text);
            return text;
          },
        };
      },
    };
    const { trees } = await boost(boostJob(noting, part, job, events), FIT_IO);
    return {
      textSha256: sha256(Buffer.from(texts.map(treesOf).join(''))),
      treesSha256: sha256(Buffer.from(JSON.stringify(trees, (_, value: unknown) => plain(value)))),
      firstSplits: texts[0] === undefined ? '' : splitsOf(texts[0]),
      auc: heldOutAuc(trees),
    };
  } finally {
    dataset.close();
  }
}

const FIT_IO = { sha256: () => '', now: () => performance.now(), remainingMs: () => null };

function boostJob(
  dataset: Parameters<typeof lightgbmDataset>[0],
  part: Part,
  job: PartJob,
  events: PartEvents,
): BoostJob {
  const settings = settingsFor(job);
  const objective = objectiveFor('logLoss', 2);
  return {
    dataset: lightgbmDataset(dataset, (seed) =>
      engineParameters({ settings, objective, monotone: null, trainingRowCount: job.totalRows }, seed),
    ),
    ...{ settings, objective, segmentIterations: 50 },
    outputCount: 1,
    trainingRowCount: part.rowCount,
    member: 0,
    seed: SEED,
    frozenIterations: job.iterations,
    training: rowsInMemory(part.values, part.rowCount, COLUMN_COUNT),
    validation: null,
    offsets: null,
    shift: null,
    stopAt: () => Infinity,
    stops: stopBook(null),
    resumed: job.resumed.length === 0 ? [] : (deserialize(job.resumed) as TreeArrays[]), // written by a rank's test
    onIteration: events.onIteration,
    onSegment: async (_, segments) => {
      if (segments !== null) events.onSegment(segments);
    },
  };
}

const plain = (value: unknown): unknown =>
  ArrayBuffer.isView(value) && !(value instanceof DataView) ? Array.from(value as Float64Array) : value;

/** Without the parameters, which say how many ranks there were, and numbers of trees. */
const treesOf = (text: string): string =>
  text.slice(text.indexOf('Tree=0'), text.indexOf('end of trees')).replaceAll(/Tree=\d+\n/g, '');

const splitsOf = (text: string): string =>
  ['split_feature', 'threshold', 'cat_threshold', 'decision_type']
    .map((name) => new RegExp(`^${name}=.*$`, 'm').exec(text)?.[0] ?? '')
    .join('\n');

function heldOutAuc(trees: TreeArrays): number {
  const { values, labels, rowCount } = madePart(HELD_OUT_SEED, HELD_OUT_ROWS);
  const { score } = compileTrees(trees, COLUMN_COUNT);
  const scores = new Float64Array(rowCount);
  for (let row = 0; row < rowCount; row += 1) score(values, row * COLUMN_COUNT, scores, row);
  return aucOf(scores, labels);
}
