import type { Migration } from '../migrate.ts';
import { queue0001 } from './0001-queue.ts';
import { resources0002 } from './0002-resources.ts';
import { reliability0003 } from './0003-reliability.ts';
import { housekeeping0004 } from './0004-housekeeping.ts';
import { pools0005 } from './0005-pools.ts';
import { outputs0006 } from './0006-outputs.ts';
import { ensembles0007 } from './0007-ensembles.ts';
import { insights0008 } from './0008-insights.ts';
import { calibrations0009 } from './0009-calibrations.ts';
import { timeCounts0010 } from './0010-time-counts.ts';
import { featureLists0011 } from './0011-feature-lists.ts';
import { leakage0012 } from './0012-leakage.ts';
import { datasetVersions0013 } from './0013-dataset-versions.ts';
import { intervals0014 } from './0014-intervals.ts';
import { memory0015 } from './0015-memory.ts';
import { groupRanks0016 } from './0016-group-ranks.ts';
import { batchParts0017 } from './0017-batch-parts.ts';
import { telemetry0018 } from './0018-telemetry.ts';
import { keyDeployments0019 } from './0019-key-deployments.ts';
import { humility0020 } from './0020-humility.ts';
import { challengers0021 } from './0021-challengers.ts';
import { actuals0022 } from './0022-actuals.ts';
import { alerts0023 } from './0023-alerts.ts';
import { segments0024 } from './0024-segments.ts';

/** All steps of the schema in order. A new one goes to the end; a released one is never changed. */
export const MIGRATIONS: readonly Migration[] = [
  queue0001,
  resources0002,
  reliability0003,
  housekeeping0004,
  pools0005,
  outputs0006,
  ensembles0007,
  insights0008,
  calibrations0009,
  timeCounts0010,
  featureLists0011,
  leakage0012,
  datasetVersions0013,
  intervals0014,
  memory0015,
  groupRanks0016,
  batchParts0017,
  telemetry0018,
  keyDeployments0019,
  humility0020,
  challengers0021,
  actuals0022,
  alerts0023,
  segments0024,
];
