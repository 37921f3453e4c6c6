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
export { renderReport, REPORT_FORMAT_VERSION, type RenderedReport } from './report.ts';
export { STYLE } from './style.ts';
