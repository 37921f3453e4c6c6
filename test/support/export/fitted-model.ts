import type { Manifest, Parameters } from '#contracts';
import { portableModel, type PortableModel } from '#export';
import { fitModel, manifestOf, type AutopilotRequest } from '#ml';
import { modelReader, openArtifact, type Scorer } from '#scoring';
import { sha256, testEngine } from '../boosting-engine.ts';
import { memorySource, type MemoryColumn } from '../memory-table.ts';
import { freeIo, planOf, trainTask } from '../modelling-task.ts';

/** A fitted model, opened from its bytes. */
export interface FittedArtifact {
  readonly manifest: Manifest;
  readonly blob: Uint8Array;
  readonly scorer: Scorer;
}

/** Fits a blueprint on a table in memory. */
export async function fittedArtifact(
  table: readonly MemoryColumn[],
  request: AutopilotRequest,
  blueprintId: string,
  parameters: Parameters,
): Promise<FittedArtifact> {
  const plan = await planOf(table, request);
  const task = trainTask(table, plan, { blueprintId, parameters });
  const fit = await fitModel(task, memorySource(table, 500), testEngine(), freeIo());
  const manifest = manifestOf(task, fit, { createdAt: '2026-01-01T00:00:00Z', files: [] });
  return { manifest, blob: fit.blob, scorer: openArtifact(manifest, fit.blob, sha256) };
}

/** What another home can have of it. @throws EXPORT_UNSUPPORTED */
export const portableOf = ({ manifest: { content, contentHash }, blob }: FittedArtifact): PortableModel =>
  portableModel(content, contentHash, modelReader(content, blob));

/** Rows of a table by the index of a model's features. */
export function rowsOf(table: readonly MemoryColumn[], { content }: Manifest, rowCount: number): (string | null)[][] {
  const columns = content.features.map(({ name }) => table.find((column) => column.name === name)?.cells ?? []);
  return Array.from({ length: rowCount }, (_, row) => columns.map((cells) => cells[row] ?? null));
}
