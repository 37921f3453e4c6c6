import type { IngestOutcome } from '#contracts';

/** The outcome that scripted tasks report. */
export const SCRIPTED_OUTCOME: IngestOutcome = {
  kind: 'ingest',
  table: { rowCount: 0, columns: [], files: [] },
  profile: { features: [], distinctValues: [], sampleRows: [] },
  warnings: [],
  sizeBytes: 0,
};
