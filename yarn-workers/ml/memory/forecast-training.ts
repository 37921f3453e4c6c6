import type { ManifestFeature, TrainTask } from '#contracts';
import { isText, outputCountOf } from '#scoring';
import { readingOf, type Reading } from '../blueprints/reading.ts';
import { isBoosted, isXgboost, leavesOf, type BoostedSettings } from '../blueprints/settings.ts';
import { binSampleRows } from '../fit/bin-sample.ts';
import { MATRIX_CELLS_MAX, PUSH_CELLS_MAX, STATISTICS_CELLS_MAX, STATISTICS_ROWS_MAX } from '../fit/limits.ts';
import { canBeBinned } from '../fit/member-data.ts';
import { fittedFraction, heldFraction } from '../fit/sample-fraction.ts';
import { CORPUS_ENTRIES_MAX, COUNTED_TERMS_MAX, TEXT_WORK_MAX } from '../fit/text/limits.ts';
import { offsetColumns } from '../fit/target-rows.ts';
import { taskFeatures } from '../fit/task-columns.ts';
import { classIndices } from '../partition/types.ts';
import { boostedColumns } from './boosted-columns.ts';
import { forecastOf, type MemoryForecast, type MemoryPart, type MemoryPhase } from './forecast.ts';
import * as limits from './limits.ts';
import { linearCoefficients } from './linear-coefficients.ts';
import { heldScoreBytes, scoringBytes } from './predictions.ts';
import { rowCountsOf, type RowCounts } from './rows.ts';

/**
 * What the fit of a task is predicted to take at most, from the task alone: the same for whoever asks. Rows and columns are exact
 * but for what a survey finds (levels of categories, terms of texts); what they take is counted in `docs/adr/0072-memory-contract.md`.
 *
 * @throws BLUEPRINT_UNKNOWN; VALIDATION_FAILED on a parameter that does not exist or fit
 */
export function forecastTraining(task: TrainTask): MemoryForecast {
  const reading = readingOf(task);
  const { settings } = reading;
  const rows = rowCountsOf(task);
  const always: MemoryPart[] = [
    { what: 'program', bytes: limits.PROGRAM_BYTES },
    { what: 'freed pages', bytes: limits.RETAINED_BYTES },
    ...readingParts(task, reading),
    { what: 'target of all rows', bytes: rows.all * targetBytes(task) },
  ];
  const survey: MemoryPhase = {
    name: 'survey',
    parts: [...levelParts(task, reading), ...surveyedParts(task, reading, rows)],
  };
  const fit =
    settings === null
      ? []
      : isBoosted(settings)
        ? boostPhases(task, reading, settings, rows)
        : [matrixPhase(task, reading)];
  return forecastOf(always, [survey, ...fit, finishPhase(task, rows)]);
}

/** Columns that are read are kept decoded, where the whole table would fit. */
function readingParts(task: TrainTask, { settings }: Reading): MemoryPart[] {
  const { table } = task;
  const cellBytes = settings === null ? [] : taskFeatures(task).map(({ manifest }) => decodedBytes(manifest));
  const readBytes = table.rowCount * cellBytes.reduce((sum, bytes) => sum + bytes, limits.CELL_BYTES);
  const wholeBytes = table.rowCount * table.columns.length * limits.CELL_BYTES;
  const isKept = wholeBytes <= limits.CACHE_BYTES;
  return [
    { what: 'reading', bytes: Math.min(limits.READING_BYTES, limits.READING_OF_CELLS * readBytes) },
    { what: 'decoded columns', bytes: isKept ? Math.min(limits.CACHE_BYTES, readBytes) : 0 },
  ];
}

function decodedBytes(manifest: ManifestFeature): number {
  if (isText(manifest)) return limits.TEXT_CELL_BYTES;
  return manifest.parse.kind === 'category' ? 4 : limits.CELL_BYTES;
}

/** Class or value of a row, its weight and offsets, what it is for, and what it is dealt by. */
function targetBytes({ target, weightColumn, partitioning, sampleFraction }: TrainTask): number {
  const valueBytes = target.targetType === 'regression' ? 8 : classIndices(0, target.classes.length).BYTES_PER_ELEMENT;
  return (
    valueBytes +
    (weightColumn === null ? 0 : 8) +
    8 * offsetColumns(target).length +
    (partitioning.method === 'group' || partitioning.method === 'column' || partitioning.duplicates !== undefined
      ? 4
      : 0) +
    (partitioning.dates === undefined ? 0 : 8) +
    (sampleFraction < 1 ? 2 : 1)
  );
}

/** What a survey keeps of categories for the steps of every member. */
function levelParts(task: TrainTask, { settings }: Reading): MemoryPart[] {
  const manifests = taskFeatures(task).map(({ manifest }) => manifest);
  const levels = task.features.reduce((sum, { uniqueCount }, index) => {
    const manifest = manifests[index];
    const isCategory = manifest?.parse.kind === 'category' && !isText(manifest);
    return sum + (isCategory ? uniqueCount : 0);
  }, 0);
  return settings === null ? [] : [{ what: 'levels of categories', bytes: levels * limits.LEVEL_BYTES }];
}

/** What is let go when the survey is over. */
function surveyedParts(task: TrainTask, reading: Reading, rows: RowCounts): MemoryPart[] {
  if (reading.settings === null) return [];
  const cells = Math.min(STATISTICS_CELLS_MAX, Math.min(rows.all, STATISTICS_ROWS_MAX) * task.features.length);
  return [
    { what: 'terms of texts', bytes: countedTermBytes(task, reading, rows) },
    { what: 'training statistics', bytes: cells * limits.STATISTICS_CELL_BYTES },
  ];
}

/** Texts that are read, each analysis by itself. */
const textCount = (task: TrainTask, { analyses }: Reading): number =>
  analyses.length * taskFeatures(task).filter(({ manifest }) => isText(manifest)).length;

const countedTermBytes = (task: TrainTask, reading: Reading, { all }: RowCounts): number =>
  textCount(task, reading) * Math.min(COUNTED_TERMS_MAX, limits.TERMS_OF_TEXT * all) * limits.TERM_BYTES;

/** Terms of a text of all rows that are held. */
const heldTerms = ({ all }: RowCounts, texts: number): number =>
  Math.min(all * limits.TERMS_OF_TEXT, TEXT_WORK_MAX / limits.TERM_CHARACTERS, CORPUS_ENTRIES_MAX / Math.max(1, texts));

/** Terms of all rows whose texts are read, while they are read and while models of them are fitted. */
function corpusParts(task: TrainTask, reading: Reading, rows: RowCounts): MemoryPart[] {
  const texts = textCount(task, reading);
  const entries = texts * heldTerms(rows, texts);
  const places = texts === 0 ? 0 : rows.all * limits.PLACED_ROW_BYTES;
  const bytes = places + entries * (limits.CORPUS_ENTRY_BYTES + limits.CORPUS_ROW_BYTES / limits.TERMS_OF_TEXT);
  const worked = Math.max(countedTermBytes(task, reading, rows), entries * limits.FITTED_ENTRY_BYTES);
  return [
    { what: 'terms of rows', bytes },
    { what: 'counted terms, or the fit of texts', bytes: worked },
  ];
}

/** Scores of the rows that models of texts were fitted on. @param scoreCount of a text and analysis */
function textScoreBytes(task: TrainTask, reading: Reading, rows: RowCounts, scoreCount: number): number {
  const texts = textCount(task, reading);
  if (texts === 0) return 0;
  const heldRows = heldTerms(rows, texts) / limits.TERMS_OF_TEXT;
  return rows.all * limits.PLACED_ROW_BYTES + heldRows * texts * scoreCount * 8;
}

function boostPhases(task: TrainTask, reading: Reading, settings: BoostedSettings, rows: RowCounts): MemoryPhase[] {
  const valueCounts = boostedColumns(task, reading, settings);
  const columns = valueCounts.length;
  const outputs = outputCountOf(task.target);
  const { ranks = 1 } = task;
  const kept: MemoryPart[] = [
    ...levelParts(task, reading),
    { what: 'scores of texts', bytes: textScoreBytes(task, reading, rows, outputs + settings.textComponents) },
  ];
  const sampleBytes = Math.min(rows.training, binSampleRows(columns)) * columns * 8;
  const binBytes = !isXgboost(settings) && settings.maxBins > 255 ? 2 : 1;
  const trainingCells = rows.training * columns;
  const validationCells = rows.validation * columns;
  const isBinned = trainingCells > MATRIX_CELLS_MAX && canBeBinned(settings);
  const inMemory = (cells: number): number => (cells > MATRIX_CELLS_MAX ? 0 : cells * 8);
  const binsMax = isXgboost(settings) ? 256 : settings.maxBins;
  // One more for missing values.
  const binCount = valueCounts.reduce((sum, values) => sum + Math.min(binsMax, values) + 1, 0);
  const shared: MemoryPart[] = [
    ...kept,
    {
      what: 'gradients, scores and places of training rows',
      bytes: rows.training * (limits.TRAINING_ROW_BYTES + limits.TRAINING_OUTPUT_BYTES * outputs),
    },
    { what: 'bins of training rows', bytes: trainingCells * binBytes },
    { what: 'histograms', bytes: leavesOf(settings) * binCount * limits.HISTOGRAM_BIN_BYTES },
    {
      what: 'scores of validation rows',
      bytes: rows.validation * (limits.VALIDATION_ROW_BYTES + 8 * outputs),
    },
  ];
  return [
    { name: 'texts', parts: [...kept, ...corpusParts(task, reading, rows)] },
    { name: 'bins', parts: [...kept, { what: 'sample for bins', bytes: 2 * sampleBytes }] },
    {
      name: 'boost',
      parts: isBinned
        ? [
            ...shared,
            { what: 'bins of validation rows', bytes: validationCells * binBytes },
            // Ranks read those of all of them.
            {
              what: 'chunks of bins on their way',
              bytes: Math.min(limits.CHUNKS_BYTES, ranks * trainingCells * binBytes),
            },
          ]
        : [
            ...shared,
            { what: 'matrix of training rows', bytes: inMemory(trainingCells) },
            { what: 'matrix of validation rows', bytes: inMemory(validationCells) },
          ],
    },
  ];
}

/**
 * Linear models, forests, factorization machines and networks hold as many rows as a matrix of bounded size has. Linear ones pass over the
 * others, a part of them at a time.
 */
function matrixPhase(task: TrainTask, reading: Reading): MemoryPhase {
  const passes = heldFraction(task) < fittedFraction(task);
  return {
    name: 'fit',
    parts: [
      { what: 'matrix of the sample', bytes: limits.MATRIX_COPIES * MATRIX_CELLS_MAX * 8 },
      { what: 'rows passed over', bytes: passes ? limits.MATRIX_COPIES * PUSH_CELLS_MAX * 8 : 0 },
      {
        what: 'sums of coefficients',
        bytes: passes ? limits.COEFFICIENT_COPIES * linearCoefficients(task, reading) * 8 : 0,
      },
    ],
  };
}

/** Predictions of all rows held back, and the scores of the largest part of them. */
function finishPhase(task: TrainTask, { heldBack, validation, holdout }: RowCounts): MemoryPhase {
  const { target, weightColumn, partitioning, ranks = 1 } = task;
  const outputCount = outputCountOf(target);
  const predicted = heldScoreBytes(heldBack, outputCount, weightColumn !== null);
  const part = partitioning.validation === 'cv' ? heldBack : ranks * Math.max(validation, holdout);
  return {
    name: 'predictions',
    parts: [
      { what: 'predictions of held-back rows', bytes: predicted },
      { what: 'scores', bytes: scoringBytes({ rowCount: heldBack, outputCount }, part) },
    ],
  };
}
