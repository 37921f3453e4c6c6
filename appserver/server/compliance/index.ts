export type {
  BlendedFacts,
  DatasetFacts,
  InsightRecordFacts,
  ModelFacts,
  PeerFacts,
  ProjectFacts,
  ReportFacts,
  RunFacts,
  SourceFile,
  TaskFacts,
} from './facts.ts';
export { cut } from './markup.ts';
export { renderReport, type RenderedReport } from './report.ts';
export { STYLE } from './style.ts';
