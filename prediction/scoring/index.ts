export {
  checkArtifact,
  checkBlob,
  contentHashOf,
  modelReader,
  openArtifact,
  readModels,
  type Sha256Function,
} from './artifact/open-artifact.ts';
export {
  layOutArtifact,
  packArtifact,
  withCalibration,
  type ArtifactPacking,
  type PackedArtifact,
  type UnpackedContent,
} from './artifact/pack-artifact.ts';
export { storedShapes, type ModelArrays, type SectionShape } from './artifact/section-lists.ts';
export {
  checkSections,
  readForest,
  readNetwork,
  readTrees,
  sectionsByName,
  treesModel,
  writeSections,
} from './artifact/sections.ts';
export type { Contributions } from './explain/contributions.ts';
export { type Explainer } from './explain/explainer.ts';
export {
  explainedOutput,
  explanationCells,
  explanationColumns,
  explanationOf,
  outputLabel,
  type Explanation,
} from './explain/explanation.ts';
export { compileFactorizationContributions } from './explain/factorization-contributions.ts';
export { compileForestContributions } from './explain/forest-contributions.ts';
export { compileLinearContributions } from './explain/linear-contributions.ts';
export { compileNetworkContributions } from './explain/network-contributions.ts';
export { compileTreeContributions } from './explain/tree-contributions.ts';
export { checkRules } from './humility/check-rules.ts';
export { compileRules, type RuleJudge } from './humility/compile-rules.ts';
export { CATEGORY_COLUMN, NUMBER_COLUMN } from './models/column-points.ts';
export { compileTrees, scoreRows, type CompiledModel } from './models/compile.ts';
export { compileFactorization, fieldsScore } from './models/factorization.ts';
export { RANK_MAX, type FactorizationArrays } from './models/factorization-arrays.ts';
export { compileForest, rowBinner, type RowBinner } from './models/forest.ts';
export {
  CUT_MAX,
  COLUMN_SHIFT,
  FOREST_COLUMNS_MAX,
  LEFT_LEAF_BIT,
  MISSING_LEFT_BIT,
  RIGHT_LEAF_BIT,
  checkForest,
  type ForestArrays,
} from './models/forest-arrays.ts';
export { compileLeafSets } from './models/leaf-sets/compile-leaf-sets.ts';
export { compileLinear } from './models/linear.ts';
export type { LinearLeaves } from './models/linear-leaves.ts';
export type { LinearArrays } from './models/linear-arrays.ts';
export { parseLightgbmModel, type LightgbmModel } from './models/lightgbm-text.ts';
export { compileNetwork, networkInputs, type InputWriter } from './models/network.ts';
export { checkNetwork, type NetworkArrays } from './models/network-arrays.ts';
export {
  DEFAULT_THRESHOLD,
  outputCountOf,
  predictedClass,
  regressionValue,
  writeProbabilities,
  type Answer,
} from './models/link.ts';
export {
  CATEGORICAL_BIT,
  DEFAULT_LEFT_BIT,
  MISSING_NAN,
  MISSING_TYPE_SHIFT,
  MISSING_ZERO,
  ZERO_THRESHOLD,
  checkTrees,
  type TreeArrays,
} from './models/tree-arrays.ts';
export {
  compileBlockWalk,
  compileLeafFinder,
  compileTreeWalk,
  isMissingLeft,
  rowOf,
  type BlockEvaluator,
  type RowEvaluator,
} from './models/tree-walk.ts';
export { BOOLEAN_PATTERN, categoryKey, isMissing, type KeyRule } from './parse/category.ts';
export {
  cellReader,
  cellText,
  markedNumbers,
  type CellReader,
  type KeyReader,
  type NumberReader,
} from './parse/cell-reader.ts';
export { DATE_PATTERNS, civilDay, parseDate } from './parse/date.ts';
export { LATITUDE_MAX, LONGITUDE_MAX, parsePlace } from './parse/place.ts';
export { INFINITY_PATTERN, NUMBER_PATTERN, parseNumber } from './parse/number.ts';
export {
  type ColumnDifferences,
  type ContributionSink,
  type RowPrediction,
  type Scorer,
  compileScorer,
} from './scorer/scorer.ts';
export { inputPlacesOf } from './scorer/input-places.ts';
export { UNCALIBRATED, calibrate } from './scorer/calibration.ts';
export {
  blendMembers,
  compileMembers,
  weighingMembers,
  type BlendRows,
  type CompiledMember,
  type ModelReader,
} from './scorer/members.ts';
export { memberColumns } from './scorer/member-columns.ts';
export { INTERVAL_COLUMNS, intervalOf, type Interval } from './scorer/interval.ts';
export { withThreshold } from './scorer/threshold.ts';
export { columnWarnings, levelWarnings, mergeUnseenLevels } from './scorer/input-warnings.ts';
export {
  unseenLevelText,
  unseenLevelsFacts,
  unseenLevelsText,
  type LevelTally,
  type UnseenLevel,
  type UnseenLevels,
} from './scorer/unseen-levels.ts';
export { OFFSET_NEEDS, compileOffsets, offsetOf, type OffsetColumn, type RowOffsets } from './scorer/offsets.ts';
export { crossCodeCount, crossNames, crossTable, rowPlaces, type CrossStep } from './steps/category-cross.ts';
export { datePart, daysBetween } from './steps/date-parts.ts';
export { holidayColumns, type HolidayStep } from './steps/holidays.ts';
export { keyTable } from './steps/key-table.ts';
export { isPairStep, writePair, type PairStep, type PlacePairStep } from './steps/pair-steps.ts';
export {
  distanceInputs,
  kilometresBetween,
  placesOf,
  writeDistance,
  type DistanceStep,
} from './steps/place-distance.ts';
export { cellNames, cellOf, type PlaceCuts } from './steps/place-steps.ts';
export {
  columnRequest,
  featureDecoder,
  isText,
  unreadable,
  type CategoryValues,
  type FeatureDecoder,
  type FeatureValues,
  type InputFeature,
  type NumberValues,
  type PlaceValues,
  type SourceColumn,
  type TextValues,
} from './steps/feature-values.ts';
export { type ColumnCounts, type RawRow } from './steps/row-encoder.ts';
export {
  historyColumns,
  historyTable,
  historyValue,
  seasonLength,
  seasonPlace,
  type HistoryStep,
} from './steps/series-history.ts';
export {
  checkStep,
  columnCountOf,
  compileStep,
  compileSteps,
  firstColumnsOf,
  historyPlaces,
  isOneFeature,
  stepInputs,
  stepColumnCount,
  stepColumns,
  type CompiledStep,
  type StepApply,
} from './steps/steps.ts';
export { compileText, inverseDocumentFrequency, sublinear, type TextStep } from './text/text-scores.ts';
export { forEachTerm, type TextAnalysis } from './text/tokens.ts';
