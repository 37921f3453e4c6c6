export { next } from './autopilot/next.ts';
export { BUILT_IN_LISTS, builtInLists, onFeatureList, withoutFeatures } from './autopilot/feature-lists.ts';
export { groupColumnsOf } from './autopilot/group-columns.ts';
export { excludedOfRun, leakagePlan, leakageSearchOf } from './autopilot/leakage.ts';
export { imbalanceFor, withImbalance } from './autopilot/imbalance.ts';
export { planAutopilot } from './autopilot/plan.ts';
export { untriedOf } from './autopilot/untried.ts';
export type { AutopilotFacts, AutopilotRequest } from './autopilot/request.ts';
export { BLUEPRINTS, blueprintOf, settingsOf } from './blueprints/catalogue.ts';
export { SHOWN_BLUEPRINTS, documentOf, withFound, type MadeBy } from './blueprints/document.ts';
export { candidateName } from './blueprints/names.ts';
export { madeBy } from './blueprints/own-blueprint.ts';
export { readingOf } from './blueprints/reading.ts';
export { parameterMeaning } from './blueprints/parameter-docs.ts';
export { BLUEPRINT_STEP_KINDS } from './blueprints/step-kinds.ts';
export { checkFits } from './blueprints/misfit.ts';
export { checkInputs } from './blueprints/missing-input.ts';
export { ENSEMBLE_BLUEPRINT, ENSEMBLE_BLUEPRINT_ID } from './blueprints/ensemble.ts';
export { naiveIdsOf } from './blueprints/naive.ts';
export { missingSeries } from './blueprints/series-needs.ts';
export type { ForestSettings } from './blueprints/forest-settings.ts';
export type { LinearSettings } from './blueprints/linear-settings.ts';
export type { GbmSettings, ModelSettings } from './blueprints/settings.ts';
export {
  blendArtifacts,
  type BlendedArtifact,
  type MemberArtifact,
  type WeightedArtifact,
} from './ensemble/blend-artifacts.ts';
export { remakeEnsemble } from './ensemble/check-ensemble.ts';
export { compareScores, compareSources, partitionScores } from './ensemble/compare-scores.ts';
export {
  ensembleManifest,
  ensembleParameters,
  makeEnsemble,
  type Ensemble,
  type EnsembleIo,
  type EnsembleReader,
} from './ensemble/make-ensemble.ts';
export { NOISE_GROUPS as COMPARISON_GROUPS } from './ensemble/limits.ts';
export { selectWeights, type Selection, type SelectionLimits, type SelectionRows } from './ensemble/select-weights.ts';
export { checkOutOfFold, OutOfFoldCheck } from './fit/check-out-of-fold.ts';
export { refittedRowCount, type TrainedRowCount } from './fit/trained-rows.ts';
export type { BinSet, BinSetWriter, BinStore } from './fit/binned/bin-store.ts';
export { DATASET_FILE_TOKEN } from './fit/binned/dataset-file.ts';
export type { FitCheckpoint, FitIo, Spool } from './fit/clock.ts';
export type {
  BoostingEngine,
  EngineBooster,
  EngineDataset,
  EngineDatasetFacts,
  EngineDatasetSpec,
  EngineOracle,
  EngineParameters,
  FillableDataset,
  PartitionedEngine,
} from './fit/engine.ts';
export type {
  CodedRows,
  XgboostBooster,
  XgboostDataset,
  XgboostDatasetSpec,
  XgboostEngine,
  XgboostParameters,
} from './fit/xgboost/engine.ts';
export { fitModel, manifestOf, type FitResult, type FitTimings } from './fit/fit-model.ts';
export type { RankGroup } from './fit/rank-group.ts';
export { offsetColumns } from './fit/target-rows.ts';
export { metricOf, type OutOfFold } from './fit/out-of-fold.ts';
export { decodeOutOfFold, encodeOutOfFold } from './fit/out-of-fold-file.ts';
export {
  blocksTogether,
  memoryPredictions,
  openOutOfFold,
  outOfFoldFile,
  wasWhole,
  type OutOfFoldSource,
  type ReadRange,
} from './fit/out-of-fold-source.ts';
export {
  rankingScore,
  scoreCollector,
  scoresFromOutOfFold,
  scoresOf,
  scoresOfAllRows,
  statesMaker,
  type ScoreCollector,
} from './fit/scores.ts';
export { checkInsight } from './insights/features/check-insight.ts';
export { coefficientsOf, isLinear, type AskedCoefficients } from './insights/coefficients.ts';
export { computeInsight, type InsightInput, type InsightIo } from './insights/features/compute-insight.ts';
export { insightOf, insightRows, insightRowsMax, readInsightRows } from './insights/insight.ts';
export { rankedPartition } from './insights/insight-rows.ts';
export { classesAtThreshold, predictionSpread } from './insights/prediction-spread.ts';
export { wordCloudOf } from './insights/word-cloud.ts';
export { conformalIntervals, type ConformalIntervals } from './intervals/conformal-intervals.ts';
export { coverageOfRows, rowsForCoverage } from './intervals/interval-ends.ts';
export { mayKeepBins } from './memory/keeps-bins.ts';
export { forecastEnsemble } from './memory/forecast-ensemble.ts';
export { forecastInsight } from './memory/forecast-insight.ts';
export { forecastProfile } from './memory/forecast-profile.ts';
export { forecastScoring } from './memory/forecast-scoring.ts';
export { forecastTraining } from './memory/forecast-training.ts';
export { type MemoryForecast } from './memory/forecast.ts';
export { ranksOf } from './memory/ranks-of.ts';
export { heldBackCount } from './memory/rows.ts';
export { workerLimitFor } from './memory/worker-limit.ts';
export { partitionOf } from './partition/partitions.ts';
export { futureDates } from './profile/future-dates.ts';
export { checkGivenType, readAsType, withGivenType } from './profile/read-as-type.ts';
export {
  finishParts,
  mergeFirst,
  needsSecond,
  profileFirst,
  profileSecond,
  type Parts,
} from './profile/profile-parts.ts';
export { profileTable, type ProfileOptions } from './profile/profile-table.ts';
export { firstLines, readFirstLines, readSecondLines, secondLines } from './profile/state-lines.ts';
export { FirstPart, SecondPart } from './profile/states.ts';
export { HOLDOUT, TRAINING, type KeyColumn, type PartitionRows, type Partitions } from './partition/types.ts';
