import { AppError, Manifest, parse, type EnsembleTask, type ManifestFile } from '#contracts';
import { ensembleManifest, makeEnsemble, outOfFoldFile, type Ensemble, type EnsembleReader } from '#ml';
import type { ObjectStore } from '#object-store';
import { failpoint } from '#runtime';
import { checkBlob, openArtifact } from '#scoring';
import { peakMemoryBytes } from '../child/peak-memory.ts';
import type { TaskHandler } from '../child/task-run.ts';
import { microsPerRow } from './micros-per-row.ts';
import { BLOB_BYTES_MAX, openStoredPredictions, readOf, readStoredManifest, sha256 } from './stored-artifact.ts';

/** Blends models into one artefact: `blob`, `out-of-fold.bin` (not for a refit), and `manifest.json` last. */
export const runEnsemble: TaskHandler<EnsembleTask> = async ({ task, context, reporter, attempt, remainingMs }) => {
  const { spec } = task;
  const startedAt = performance.now();
  reporter.log(beginningOf(spec));
  const ensemble = await makeEnsemble(
    spec,
    storedMembers(spec, context.store, () => reporter.collect()),
    {
      sha256,
      now: () => performance.now(),
      remainingMs,
      onProgress: async (progress) => {
        reporter.progress(progress);
        await reporter.breathe();
      },
    },
  );
  for (const line of endOf(spec, ensemble)) reporter.log(line);
  reporter.progress({ fraction: 0.95, phase: 'writing', message: 'writing the artefact', iteration: null });
  const blob = await attempt.write('blob', ensemble.blob);
  const files: ManifestFile[] = [];
  if (ensemble.outOfFold !== null)
    files.push(await attempt.write('out-of-fold.bin', outOfFoldFile(ensemble.outOfFold)));
  await failpoint('worker.close');
  const manifest = ensembleManifest(spec, ensemble, { createdAt: new Date().toISOString(), files });
  await failpoint('worker.manifest');
  const written = await attempt.write('manifest.json', Buffer.from(JSON.stringify(manifest)));
  const fitMs = performance.now() - startedAt;
  // What it was blended of is let go first.
  reporter.collect();
  // Proves that it opens, too.
  const scorer = openArtifact(manifest, ensemble.blob, sha256, 'in-place');
  return {
    kind: 'ensemble',
    contentHash: ensemble.contentHash,
    rowCount: ensemble.rowCount,
    scores: ensemble.scores,
    ensemble: ensemble.facts,
    partWeights: ensemble.partWeights,
    ...(ensemble.partLayers.length === 0 ? {} : { partLayers: ensemble.partLayers }),
    partBest: ensemble.partBest,
    fitMs,
    predictMicrosPerRow: await microsPerRow(scorer, context, spec),
    sizeBytes: blob.sizeBytes + written.sizeBytes,
    peakMemoryBytes: peakMemoryBytes(),
  };
};

/**
 * The members of a task, as their own tasks have left them.
 *
 * @param collect called before a blob is read, when the one before has been let go
 */
export function storedMembers({ members }: EnsembleTask, store: ObjectStore, collect?: () => void): EnsembleReader {
  const memberAt = (index: number): EnsembleTask['members'][number] => {
    const member = members[index];
    if (member === undefined) throw new AppError('INTERNAL', `member ${index} of ${members.length}`);
    return member;
  };
  return {
    artifact: async (index) => {
      const member = memberAt(index);
      // Whoever committed it has opened it, and the blend is proven to open.
      const manifest = parse(Manifest, await readStoredManifest(store, member), 'manifest', 'ARTIFACT_INVALID');
      const readBlob = async (): Promise<Uint8Array> => {
        collect?.();
        const blob = await readOf(store, member.artifactPath, 'blob', BLOB_BYTES_MAX);
        checkBlob(manifest.content, blob, sha256);
        return blob;
      };
      return { manifest, readBlob };
    },
    outOfFold: (index) => openStoredPredictions(store, memberAt(index).artifactPath),
  };
}

function beginningOf({ members, refitOf, membersMax, stepsMax, target, seed }: EnsembleTask): string {
  const what = refitOf === null ? `of at most ${membersMax} of` : `the refit of ${refitOf},`;
  return `ensemble ${what} ${members.length} models for ${target.targetType}, at most ${stepsMax} steps, seed ${seed}`;
}

/** What came of it. The holdout's scores are not told: a log is read while the holdout is locked. */
function endOf({ metric, members, stacks }: EnsembleTask, { facts, scores }: Ensemble): string[] {
  const names = new Map(members.map(({ modelId, blueprintId }) => [modelId, blueprintId]));
  const parts = facts.members.map(
    ({ modelId, weight }) => `${weight.toFixed(3)} ${names.get(modelId) ?? ''} (${modelId})`,
  );
  const score = (scores?.crossValidation ?? scores?.validation)?.[metric];
  return [
    `weights: ${parts.join(', ')}`,
    ...layerLines(facts, stacks === true && scores !== null),
    ...(scores === null
      ? []
      : [
          `${metric} ${score ?? 'undefined'}, each row with weights chosen without its part; ${facts.selectionRowCount ?? 0} rows chose`,
          `better than the best member by ${facts.gain ?? 'undefined'}, standard error ${facts.noise ?? 'undefined'}`,
        ]),
  ];
}

function layerLines({ layer }: Ensemble['facts'], wasTried: boolean): string[] {
  if (layer === undefined)
    return wasTried ? ['these are greedy weights: a stacked layer was not better by more than its standard error'] : [];
  const shifts = layer.shifts.map((shift) => shift.toFixed(4)).join(', ') || 'none';
  return [`they are of a stacked layer, penalty ${layer.penalty}, shifts ${shifts}`];
}
