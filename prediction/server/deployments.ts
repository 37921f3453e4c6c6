import type { KeyObject } from 'node:crypto';
import { AppError, canonicalJson, type ApiKeyGrant, type AssignmentFeed, type DeploymentRecord } from '#contracts';
import type { Logger } from '#runtime';
import type { LoadedArtifact } from './artifacts/artifact-cache.ts';
import type { KeptAssignments } from './feed/feed-store.ts';
import { verifyDeployment } from './feed/signatures.ts';

/** A deployment as this server answers for it; replaced as a whole, so that an answer never mixes two models. */
export interface ServedDeployment {
  readonly record: DeploymentRecord;
  readonly artifact: LoadedArtifact;
}

/** One assigned deployment, for status reports. */
export interface DeploymentState {
  readonly record: DeploymentRecord;
  /** The assigned record is the one that answers. */
  readonly ready: boolean;
  /** Some model answers, maybe the one before. */
  readonly answers: boolean;
  /** Why it is not ready, as far as known. */
  readonly error: string | null;
}

/** Deployments that are not assigned any more and whose last sequence is remembered. */
const RETIRED_MAX = 100_000;

/**
 * What is assigned here and what of it is served. Touches no disk and no network. A record that is not signed, or has a
 * lower sequence than a known one, also of a deployment that was taken away since, and an artefact that was refused leave what was served before in place.
 */
export interface DeploymentTable {
  /** The last verified record, whether its artefact is here or not. */
  assigned(id: string): DeploymentRecord | null;
  served(id: string): ServedDeployment | null;
  /** API keys by hash; another map after each feed. */
  readonly grants: () => ReadonlyMap<string, ApiKeyGrant>;
  /** Of the last feed; -1 before the first. */
  readonly sequence: () => number;
  list(): readonly DeploymentState[];
  /** Takes a feed whose public key was checked: keys and removals at once, records as far as they verify. */
  accept(feed: Omit<AssignmentFeed, 'publicKey'>, key: KeyObject): void;
  /**
   * Takes what was kept on disk, or what another process has in force, and what is served of it. `load` reads artefacts from disk, but
   * those that are here already; what it cannot read leaves what was served before in place.
   */
  restore(kept: KeptAssignments, key: KeyObject, load: (record: DeploymentRecord) => LoadedArtifact | null): void;
  /** Verified records whose artefact is not loaded. */
  wanted(): readonly DeploymentRecord[];
  /** Whether a record is still the assigned one. */
  isAssigned(record: DeploymentRecord): boolean;
  /** Swaps a deployment to its assigned record; false when another one is assigned by now. */
  serve(record: DeploymentRecord, artifact: LoadedArtifact): boolean;
  /** Remembers why a record is not served. */
  refuse(record: DeploymentRecord, err: unknown): void;
  kept(): KeptAssignments;
}

interface Entry {
  record: DeploymentRecord;
  served: ServedDeployment | null;
  error: string | null;
}

interface Tables {
  readonly entries: Map<string, Entry>;
  /** Last sequence of deployments that are not assigned any more, the oldest first. */
  readonly retired: Map<string, number>;
  /** Records that do not verify, of deployments that are not known otherwise; for reports only. */
  readonly unverified: Map<string, DeploymentState>;
}

const messageOf = (err: unknown): string => (err instanceof Error ? err.message : String(err));

export function createDeploymentTable(logger: Logger): DeploymentTable {
  const tables: Tables = { entries: new Map(), retired: new Map(), unverified: new Map() };
  const { entries, retired, unverified } = tables;
  let grants: ReadonlyMap<string, ApiKeyGrant> = new Map();
  let sequence = -1;

  const accept = (feed: Omit<AssignmentFeed, 'publicKey'>, key: KeyObject) => {
    grants = new Map(feed.apiKeys.map((grant) => [grant.keySha256, grant]));
    sequence = feed.sequence;
    const assigned = new Set(feed.deployments.map(({ deploymentId }) => deploymentId));
    for (const [id, { record }] of entries) {
      if (assigned.has(id)) continue;
      entries.delete(id);
      retire(retired, id, record.sequence);
    }
    unverified.clear();
    for (const record of feed.deployments) takeRecord(tables, record, key, logger);
  };

  return {
    assigned: (id) => entries.get(id)?.record ?? null,
    served: (id) => entries.get(id)?.served ?? null,
    grants: () => grants,
    sequence: () => sequence,
    list: () => [
      ...[...entries.values()].map(({ record, served, error }) => ({
        record,
        error,
        ready: served?.record === record,
        answers: served !== null,
      })),
      ...unverified.values(),
    ],
    accept,
    restore: ({ deployments, retired: before, ...rest }, key, load) => {
      for (const { deploymentId, sequence: last } of before) retired.set(deploymentId, last);
      for (const { served } of deployments) if (served !== null) restoreServed(tables, served, key, load, logger);
      accept({ ...rest, deployments: deployments.map(({ assigned }) => assigned) }, key);
    },
    wanted: () => [...entries.values()].filter((entry) => entry.served?.record !== entry.record).map((e) => e.record),
    isAssigned: (record) => entries.get(record.deploymentId)?.record === record,
    serve: (record, artifact) => {
      const entry = entries.get(record.deploymentId);
      if (entry?.record !== record) return false;
      entry.served = { record, artifact };
      entry.error = null;
      return true;
    },
    refuse: (record, err) => {
      const entry = entries.get(record.deploymentId);
      if (entry?.record === record) entry.error = messageOf(err);
    },
    kept: () => ({
      sequence: Math.max(0, sequence),
      apiKeys: [...grants.values()],
      retired: [...retired].map(([deploymentId, last]) => ({ deploymentId, sequence: last })),
      deployments: [...entries.values()].map(({ record, served }) => ({
        assigned: record,
        served: served?.record ?? null,
      })),
    }),
  };
}

function retire(retired: Map<string, number>, id: string, sequence: number): void {
  retired.set(id, sequence);
  for (const oldest of retired.keys()) {
    if (retired.size <= RETIRED_MAX) break;
    retired.delete(oldest);
  }
}

function takeRecord(
  { entries, retired, unverified }: Tables,
  record: DeploymentRecord,
  key: KeyObject,
  logger: Logger,
): void {
  const { deploymentId, modelId } = record;
  const known = entries.get(deploymentId);
  if (known !== undefined && canonicalJson(known.record) === canonicalJson(record)) {
    if (known.served?.record === known.record) known.error = null;
    return;
  }
  try {
    verifyDeployment(key, record);
    const last = known?.record.sequence ?? retired.get(deploymentId) ?? 0;
    if (record.sequence < last) {
      throw new AppError(
        'ARTIFACT_SIGNATURE',
        `deployment record ${deploymentId} of sequence ${record.sequence} is older than the known ${last}`,
      );
    }
  } catch (err) {
    if (known === undefined)
      unverified.set(deploymentId, { record, ready: false, answers: false, error: messageOf(err) });
    else known.error = messageOf(err);
    logger.error('record_refused', 'a deployment record was refused; what was served before stays', {
      deploymentId,
      modelId,
      err,
    });
    return;
  }
  retired.delete(deploymentId);
  const served = known?.served ?? null;
  entries.set(deploymentId, {
    record,
    served: isSameModel(served, record) ? { record, artifact: served.artifact } : served,
    error: null,
  });
}

const isSameModel = (
  served: ServedDeployment | null,
  { modelId, manifestSha256 }: DeploymentRecord,
): served is ServedDeployment => served?.record.modelId === modelId && served.record.manifestSha256 === manifestSha256;

function restoreServed(
  { entries }: Tables,
  record: DeploymentRecord,
  key: KeyObject,
  load: (record: DeploymentRecord) => LoadedArtifact | null,
  logger: Logger,
): void {
  const { deploymentId, modelId } = record;
  try {
    verifyDeployment(key, record);
    const before = entries.get(deploymentId)?.served ?? null;
    if (before !== null && canonicalJson(before.record) === canonicalJson(record)) return;
    const artifact = isSameModel(before, record) ? before.artifact : load(record);
    entries.set(deploymentId, { record, served: artifact === null ? before : { record, artifact }, error: null });
  } catch (err) {
    logger.error('deployment_not_restored', 'what was served before the restart cannot be served', {
      deploymentId,
      modelId,
      err,
    });
  }
}
