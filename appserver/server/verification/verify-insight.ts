import { AppError, INSIGHT_FILE, parse, StoredInsight, type InsightTask } from '#contracts';
import { checkInsight } from '#ml';
import { parseJsonText } from '../http/json.ts';
import type { SealedAttempt } from '../queue/index.ts';
import { sha256Of } from '../services/hashes.ts';
import type { ReadableStore } from './check.ts';
import { committedModel } from './committed-files.ts';
import { sealedReader } from './verify-model.ts';

/** Largest insight: a hundred features of 22 bins with ten classes each are 2 MB, impacts of 100,000 features 15 MB. */
export const INSIGHT_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Proves as much of an insight as the model's committed files say: rows, features, the score and the means of what was predicted. What
 * permuted rows are predicted as is the worker's word.
 *
 * @returns SHA-256 of `insight.json`
 * @throws RESULT_MISMATCH
 */
export async function verifyInsight(
  spec: InsightTask,
  { attemptPath, files, outcome }: SealedAttempt<'insight'>,
  store: ReadableStore,
): Promise<string> {
  const bytes = await sealedReader({ attemptPath, files }, store)(INSIGHT_FILE, INSIGHT_BYTES_MAX);
  const json = parseJsonText(Buffer.from(bytes).toString('utf8'), INSIGHT_FILE);
  const insight = parse(StoredInsight, json, INSIGHT_FILE, 'RESULT_MISMATCH');
  if (insight.rowCount !== outcome.rowCount)
    throw mismatch(`the outcome says ${outcome.rowCount} rows; ${INSIGHT_FILE} ${insight.rowCount}`);
  const { artifactPath: path, manifestSha256, modelId } = spec;
  const model = committedModel({ path, manifestSha256 }, store, (name) =>
    mismatch(`${name} of ${modelId} is not what was committed`),
  );
  await checkInsight(spec, insight, await model.manifest(), await model.outOfFold());
  return sha256Of(bytes);
}

const mismatch = (message: string) => new AppError('RESULT_MISMATCH', `insight: ${message}`);
