import type { StagedFiles } from '#contracts';

/** Mark of Hadoop's own programs: the folder is complete. */
export const SUCCESS_FILE = '_SUCCESS';

/** What ours says: whose the folder is, and what is in it. */
export function successMark(batchPredictionId: string, files: StagedFiles['files']): Buffer {
  const rowCount = files.reduce((sum, file) => sum + file.rowCount, 0);
  return Buffer.from(`${JSON.stringify({ batchPredictionId, rowCount, fileCount: files.length })}\n`);
}
