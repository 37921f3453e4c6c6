import type { BatchSource, TrainTask } from '#contracts';
import type { TextAnalysis } from '#scoring';
import { createRandom } from '#statistics';
import { placeColumnsOf } from '../../yarn-workers/ml/blueprints/places.ts';
import { readingOf } from '../../yarn-workers/ml/blueprints/reading.ts';
import type { SurveyJob } from '../../yarn-workers/ml/fit/feature-survey.ts';
import { rowRoles } from '../../yarn-workers/ml/fit/row-roles.ts';
import { readTargetRows } from '../../yarn-workers/ml/fit/target-rows.ts';
import { taskFeatures } from '../../yarn-workers/ml/fit/task-columns.ts';
import { memorySource, textRule, type MemoryColumn } from './memory-table.ts';
import { planOf, trainTask } from './modelling-task.ts';
import { geoTable, placesTable } from './places-table.ts';

/** Halves of a character, which no text that is written as UTF-8 has. */
const HALVES = ['\ud83d', 'tree \udc00'];

/** Every kind of feature: numbers, categories, dates, places of one column and of two, texts; some categories are of hostile characters. */
export function spanTable(rowCount: number, seed = 1): MemoryColumn[] {
  const random = createRandom(seed + 7);
  const words = Array.from({ length: 40 }, (_, word) => `word${word}`);
  const notes = Array.from({ length: rowCount }, (_, row) =>
    row % 17 === 3
      ? null
      : Array.from({ length: 1 + random.below(6) }, () => words[random.below(words.length)] ?? '').join(' '),
  );
  const odd = Array.from({ length: rowCount }, (_, row) => HALVES[random.below(5)] ?? `level ${row % 9}`);
  const [own, pairs] = [geoTable(rowCount, seed), placesTable(rowCount, seed)];
  return [
    ...own,
    ...pairs.filter(({ name }) => !own.some((other) => other.name === name)),
    { name: 'odd', cells: odd, parse: textRule },
    { name: 'note', cells: notes, parse: textRule },
  ];
}

export const SPAN_FEATURES = [
  ...['x', 'y', 'colour', 'city', 'member', 'day', 'odd', 'home', 'homeLat', 'homeLng', 'note'],
];

const WORDS: TextAnalysis = { tokens: 'words', minLength: 1, maxLength: 1, charactersMax: 20_000 };
const ANALYSES: readonly TextAnalysis[] = [WORDS, { ...WORDS, tokens: 'characters', minLength: 2, maxLength: 2 }];

/** A source whose reads begin where they are wanted, each with dictionaries of its own. */
export const spanSource = (table: readonly MemoryColumn[], batchRows: number): BatchSource => ({
  rowCount: table[0]?.cells.length ?? 0,
  batches: async function* (request, signal, wanted) {
    const from = wanted?.from ?? 0;
    const part = table.map((column) => ({ ...column, cells: column.cells.slice(from, wanted?.to) }));
    for await (const batch of memorySource(part, batchRows).batches(request, signal))
      yield { ...batch, firstRow: batch.firstRow + from };
  },
});

/** A linear model's task on {@link spanTable}, which makes something of every feature; three folds. */
export async function spanTask(table: readonly MemoryColumn[], changes: Partial<TrainTask> = {}): Promise<TrainTask> {
  const partitioning = { method: 'random' as const, folds: 3, holdoutFraction: 0.1 };
  const plan = await planOf(table, { target: 'binary', featureNames: SPAN_FEATURES, partitioning });
  return trainTask(table, plan, { blueprintId: 'linear', ...changes });
}

/** What a survey of it is made of, each row of eleven being kept. */
export async function spanJob(table: readonly MemoryColumn[], task: TrainTask, batchRows: number): Promise<SurveyJob> {
  const source = spanSource(table, batchRows);
  const reading = readingOf(task);
  const features = taskFeatures(task);
  const manifests = features.map(({ manifest }) => manifest);
  return {
    ...{ features, source, seed: task.seed, analyses: ANALYSES, dates: reading.dates },
    roles: rowRoles(task, await readTargetRows(task, source)),
    places: placeColumnsOf(reading, manifests, task.monotonic),
    isKept: (row) => row % 11 === 4,
  };
}
