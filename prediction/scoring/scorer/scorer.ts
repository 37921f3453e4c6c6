import type { ColumnBatch, ColumnRequest, FeatureMatrix, Manifest, ManifestContent, MatrixColumn } from '#contracts';
import { compileExplainer, type Explainer } from '../explain/explainer.ts';
import { outputCountOf, predictedClass, regressionValue, writeProbabilities } from '../models/link.ts';
import { columnRequest, isText, type SourceColumn } from '../steps/feature-values.ts';
import { rowEncoder, type ColumnCounts, type RawRow } from '../steps/row-encoder.ts';
import { stepColumns } from '../steps/steps.ts';
import { batchEncoder } from './batch-encoder.ts';
import { calibrate } from './calibration.ts';
import { inputPlacesOf, usedStepsOf } from './input-places.ts';
import { checkMembers, compileBlend, type BlendRows, type ModelReader } from './members.ts';
import { compileOffsets, type RowOffsets } from './offsets.ts';
import { levelFinder, type LevelFinder, type LevelTally } from './unseen-levels.ts';

/** One row's answer, made once and filled again and again. */
export interface RowPrediction extends ColumnCounts {
  /** class label; regression: the value */
  prediction: string | number;
  /** index of the label in `classes`; -1 for regression */
  classIndex: number;
  /** in class order; empty for regression */
  readonly probabilities: Float64Array;
  /** `outputCount` raw scores, on the link scale */
  readonly rawScores: Float64Array;
  /** outputs x input features, see `Explainer`; null where the row is not to be explained */
  readonly contributions: Float64Array | null;
}

/** Columns that do not agree with the model's features. */
export interface ColumnDifferences {
  readonly missing: readonly string[];
  readonly unknown: readonly string[];
}

/**
 * A model ready to predict. Row by row, matrix and batch give exactly the same raw scores, whatever the batch size.
 * Its buffers are its own: one scorer a thread, and no call inside another's.
 */
export interface Scorer extends LevelFinder {
  readonly manifest: Manifest;
  /** raw scores a row: 1 for binary and regression, else one a class */
  readonly outputCount: number;
  /** columns of the matrix that `scoreMatrix` takes: those of all steps in order */
  readonly columns: readonly MatrixColumn[];
  /** features that are read, in the order of the manifest */
  readonly inputFeatures: readonly string[];
  /** true where a row may take as long as thousands without texts */
  readonly readsTexts: boolean;
  /** Explains this model; compiled when first asked for. @throws NOT_AVAILABLE for a model trained without covers */
  explainer(): Explainer;
  /**
   * An answer to be filled by `scoreRow` and `toPrediction`.
   *
   * @param isExplained `scoreRow` fills the contributions too; false by default
   * @throws NOT_AVAILABLE see `explainer`
   */
  createPrediction(isExplained?: boolean): RowPrediction;
  /**
   * Predicts one raw row: a parsed JSON object, or cells by feature index. A column that is not there is a missing value;
   * unknown columns are counted and ignored, categories of unseen levels counted. Allocates next to nothing.
   *
   * @param rowNumber for messages, 0 by default
   * @throws CELL_UNREADABLE, OFFSET_INVALID naming row and column
   */
  scoreRow(row: RawRow, out: RowPrediction, rowNumber?: number): void;
  /** Raw scores of rows `from` (inclusive) to `to` (exclusive); `out` is rows x outputs, row `from` at 0. NaN without a valid offset. */
  scoreMatrix(matrix: FeatureMatrix, from: number, to: number, out: Float64Array): void;
  /** The columns to ask a source for, in the views that decode exactly; features that the source lacks are left out. */
  columnRequests(source: readonly SourceColumn[]): ColumnRequest[];
  /**
   * Raw scores of a batch; `out` is rows x outputs.
   *
   * @param onContributions told each row (of the batch) in order with its contributions, outputs x input features; they
   *   are valid during the call
   * @param tally counts unseen levels of all batches that it is given with
   * @throws CELL_UNREADABLE, OFFSET_INVALID naming row (of the source) and column; NOT_AVAILABLE see `explainer`
   */
  scoreBatch(batch: ColumnBatch, out: Float64Array, onContributions?: ContributionSink, tally?: LevelTally): void;
  /** From raw scores at `raw[at]` to label or value and probabilities; column counts are left alone. */
  toPrediction(raw: Float64Array, at: number, out: RowPrediction): void;
  /** Which names are missing from, or unknown among, a row's or source's columns. */
  columnDifferences(names: Iterable<string>): ColumnDifferences;
}

export type ContributionSink = (row: number, contributions: Float64Array) => void;

/**
 * Compiles a manifest whose structure has been checked.
 *
 * @param reader the arrays of the models
 * @throws ARTIFACT_INVALID
 */
export function compileScorer(manifest: Manifest, reader: ModelReader): Scorer {
  const { content } = manifest;
  const outputCount = outputCountOf(content);
  const columns = content.steps.flatMap((step) => stepColumns(step, content.features));
  const kept = keepArrays(reader);
  const blendOfMembers = compileBlend(content, kept);
  const { offsets, inputPlaces, inputs, encoder, batches, levels } = compileInputs(content);
  const blend = finished(blendOfMembers, content, offsets);
  const known = new Set(content.features.map((feature) => feature.name));
  const toPrediction = predictionWriter(content);
  let compiled: Explainer | null = null;
  const explainer = (): Explainer => (compiled ??= compileExplainer(content, inputPlaces, kept));
  return {
    manifest,
    outputCount,
    columns,
    inputFeatures: inputs.map((feature) => feature.name),
    readsTexts: inputs.some(isText),
    explainer,
    createPrediction: (isExplained = false) => ({
      prediction: content.classes[0] ?? NaN,
      classIndex: -1,
      probabilities: new Float64Array(content.classes.length),
      rawScores: new Float64Array(outputCount),
      contributions: isExplained ? new Float64Array(outputCount * explainer().features.length) : null,
      unknownColumnCount: 0,
      missingColumnCount: 0,
      unseenLevelCount: 0,
      unseenFeatures: new Int32Array(content.features.length),
    }),
    scoreRow: (row, out, rowNumber = 0) => {
      encoder.encode(row, rowNumber, out);
      offsets?.check(encoder.values, columns.length, 1, rowNumber);
      blend(encoder.values, columns.length, 0, 1, out.rawScores, 0);
      toPrediction(out.rawScores, 0, out);
      if (out.contributions !== null) explainer().explain(encoder.values, 0, out.contributions);
    },
    scoreMatrix: (matrix, from, to, out) => blend(matrix.values, matrix.columnCount, from, to, out, 0),
    columnRequests: (source) => {
      const columnOf = new Map(source.map((column) => [column.name, column]));
      return inputs.flatMap((feature) => {
        const column = columnOf.get(feature.name);
        return column === undefined ? [] : [columnRequest(feature, column)];
      });
    },
    scoreBatch: (batch, out, onContributions, tally) => {
      const explained = onContributions === undefined ? null : explainer();
      const contributions = new Float64Array(explained === null ? 0 : outputCount * explained.features.length);
      batches.encode(batch, tally, (values, rows, firstRow) => {
        offsets?.check(values, columns.length, rows, batch.firstRow + firstRow);
        blend(values, columns.length, 0, rows, out, firstRow * outputCount);
        for (let row = 0; explained !== null && row < rows; row += 1) {
          explained.explain(values, row * columns.length, contributions);
          onContributions?.(firstRow + row, contributions);
        }
      });
    },
    toPrediction,
    columnDifferences: (names) => {
      const given = new Set(names);
      return {
        missing: inputs.filter((feature) => !given.has(feature.name)).map((feature) => feature.name),
        unknown: [...given].filter((name) => !known.has(name)),
      };
    },
    ...levels,
  };
}

/** Proves that a content whose structure has been checked compiles, without compiling its models. @throws ARTIFACT_INVALID */
export function checkScorer(content: ManifestContent, reader: ModelReader): void {
  checkMembers(content, reader);
  compileInputs(content);
}

/** All but the models: what reads rows. @throws ARTIFACT_INVALID */
function compileInputs(content: ManifestContent) {
  const { features, steps } = content;
  const usedSteps = usedStepsOf(content);
  const inputPlaces = inputPlacesOf(content);
  const usedFeatures = new Set(inputPlaces);
  return {
    offsets: compileOffsets(content),
    inputPlaces,
    inputs: features.filter((_, index) => usedFeatures.has(index)),
    encoder: rowEncoder(features, steps, usedSteps),
    batches: batchEncoder(features, steps, usedSteps),
    levels: levelFinder(
      features,
      steps.filter((_, index) => usedSteps.has(index)),
    ),
  };
}

/** The blend, calibrated, and what rows bring along; of one output where there is any. */
function finished(blend: BlendRows, content: ManifestContent, offsets: RowOffsets | null): BlendRows {
  const { calibration } = content;
  if (offsets === null && calibration === undefined) return blend;
  const outputCount = outputCountOf(content);
  return (values, columnCount, from, to, out, at) => {
    blend(values, columnCount, from, to, out, at);
    calibrate(calibration, out, at, (to - from) * outputCount);
    for (let row = from; offsets !== null && row < to; row += 1)
      offsets.addTo(values, row * columnCount, out, at + row - from);
  };
}

/** Reads each model's arrays once: an explainer that is asked for later finds them, whatever became of the blob. */
function keepArrays({ trees, linear, forest, factorization, network }: ModelReader): ModelReader {
  return {
    trees: keepOnce(trees),
    linear: keepOnce(linear),
    forest: keepOnce(forest),
    factorization: keepOnce(factorization),
    network: keepOnce(network),
  };
}

function keepOnce<M extends { readonly prefix: string }, A>(read: (model: M) => A): (model: M) => A {
  const kept = new Map<string, A>();
  return (model) => {
    const arrays = kept.get(model.prefix) ?? read(model);
    kept.set(model.prefix, arrays);
    return arrays;
  };
}

function predictionWriter(content: ManifestContent): Scorer['toPrediction'] {
  if (content.targetType === 'regression') {
    return (raw, at, out) => {
      out.prediction = regressionValue(content, raw[at] ?? NaN);
    };
  }
  return (raw, at, out) => {
    writeProbabilities(content, raw, at, out.probabilities, 0);
    out.classIndex = predictedClass(content, out.probabilities, 0);
    out.prediction = content.classes[out.classIndex] ?? '';
  };
}
