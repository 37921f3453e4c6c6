import { AppError, type Deployment, type DeploymentSettings, type EffectiveSettings, type Static } from '#contracts';
import { urlOf, type Config } from '#runtime';
import {
  findDeployment,
  listPredictionServers,
  type DeploymentRecord,
  type PredictionServerRecord,
  type ProjectRecord,
  type Queryable,
} from '#store';
import { isoOf } from '../auth/authenticate.ts';
import { ownedBy, type Caller } from '../auth/caller.ts';

/** A prediction server that was silent for so many of its reporting intervals does not count. */
const SILENT_INTERVALS_MAX = 3;
/** Silence that is always forgiven. */
const SILENT_MS_MIN = 15_000;

/** How long a prediction server counts as live after its last report. */
export const serverLiveMs = (config: Config): number =>
  Math.max(SILENT_MS_MIN, SILENT_INTERVALS_MAX * config.predictionServer.statusMs);

/** Prediction servers as they last reported. */
export const readServers = (db: Queryable, config: Config): Promise<PredictionServerRecord[]> =>
  listPredictionServers(db, serverLiveMs(config));

/** A deployment that the caller may see. @throws NOT_FOUND */
export async function readDeployment(db: Queryable, caller: Caller, id: string): Promise<DeploymentRecord> {
  return ownedBy(caller, await findDeployment(db, id), (entry) => entry.createdBy, `deployment ${id}`);
}

/** The deployment as a live server has it ready, if any. */
function readyServer(
  deployment: DeploymentRecord,
  servers: readonly PredictionServerRecord[],
): PredictionServerRecord | undefined {
  return servers.find(
    (server) =>
      server.live &&
      server.deployments.some(
        (entry) =>
          entry.deploymentId === deployment.id &&
          entry.ready &&
          entry.modelId === deployment.modelId &&
          entry.sequence >= deployment.sequence,
      ),
  );
}

/** Where predictions are asked for: a server that is ready, else one that lives, else where one is configured to be. */
function baseUrlOf(
  config: Config,
  ready: PredictionServerRecord | undefined,
  servers: readonly PredictionServerRecord[],
) {
  const known = ready ?? servers.find((server) => server.live);
  if (known !== undefined) return known.url;
  const { publicUrl, port } = config.predictionServer;
  return publicUrl === '' ? urlOf(config.predictionServer, port) : publicUrl;
}

/** A deployment as the REST API shows it. */
export function deploymentView(
  deployment: DeploymentRecord,
  servers: readonly PredictionServerRecord[],
  config: Config,
): Deployment {
  const ready = readyServer(deployment, servers);
  const baseUrl = baseUrlOf(config, ready, servers).replace(/\/+$/, '');
  return {
    id: deployment.id,
    name: deployment.name,
    description: deployment.description,
    modelId: deployment.modelId,
    projectId: deployment.projectId,
    predictionServerGroup: deployment.groupName,
    settings: deployment.settings,
    intervals: deployment.intervals,
    predictionUrl: `${baseUrl}/predict/${encodeURIComponent(deployment.id)}`,
    ready: ready !== undefined,
    sequence: deployment.sequence,
    createdAt: isoOf(deployment.createdAt),
    updatedAt: isoOf(deployment.updatedAt),
    createdBy: deployment.createdBy,
  };
}

/** @throws NOT_AVAILABLE for a group that no server of this version can be in */
export function checkGroup(group: string | undefined, config: Config): string {
  const known = config.predictionServer.group;
  if (group !== undefined && group !== known)
    throw new AppError(
      'NOT_AVAILABLE',
      `predictionServerGroup: only ${JSON.stringify(known)} exists; groups are not built yet`,
    );
  return known;
}

/** Settings with some of them changed; a threshold, an interval, telemetry, humility or segments of null are taken away. */
export function settingsOf(
  settings: EffectiveSettings,
  changes: Static<typeof DeploymentSettings> = {},
): EffectiveSettings {
  const {
    threshold: keptThreshold,
    interval: keptInterval,
    telemetry: keptTelemetry,
    humility: kept,
    segments: keptSegments,
    ...rest
  } = settings;
  const { missingColumns = rest.missingColumns, threshold = keptThreshold, interval = keptInterval } = changes;
  const { telemetry = keptTelemetry, humility = kept, segments = keptSegments } = changes;
  return {
    ...rest,
    missingColumns,
    ...(threshold === undefined || threshold === null ? {} : { threshold }),
    ...(interval === undefined || interval === null ? {} : { interval }),
    ...(telemetry === undefined || telemetry === null ? {} : { telemetry }),
    ...(humility === undefined || humility === null || humility.length === 0 ? {} : { humility }),
    ...(segments === undefined || segments === null || segments.length === 0 ? {} : { segments }),
  };
}

/** @throws VALIDATION_FAILED for a threshold of a target that is not binary */
export function checkThreshold({ threshold }: EffectiveSettings, project: ProjectRecord | undefined): void {
  const targetType = project?.fixed?.target.targetType ?? 'binary';
  if (threshold === undefined || targetType === 'binary') return;
  const message = `has a meaning for a binary target only; found ${targetType}`;
  throw new AppError('VALIDATION_FAILED', `body: /settings/threshold ${message}`, {
    errors: [{ path: '/settings/threshold', message }],
  });
}
