export { INSIGHT_BYTES_MAX } from './verify-insight.ts';
export type { ModelCheck } from './check.ts';
export type { ComparisonFacts, InsightFacts } from './answer-facts.ts';
export { committedModel, type CommittedFiles } from './committed-files.ts';
export type { ArtefactAnswer, PredictionsAnswer, ReportAnswer } from './report-answer.ts';
export { ON_THE_SPOT_BYTES_MAX, Verifier } from './verifier.ts';
export type { ExportQuestion, ParityQuestion, SampleRows } from './exports.ts';
