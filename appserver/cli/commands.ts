import type { Command } from './command.ts';
import { apiKeyCommands } from './commands/api-keys.ts';
import { backupCommands } from './commands/backup.ts';
import { blueprintCommands } from './commands/blueprints.ts';
import { datasetCommands } from './commands/datasets.ts';
import { hadoopCommands } from './commands/hadoop.ts';
import { healthCommands } from './commands/health.ts';
import { jobCommands } from './commands/jobs.ts';
import { modelCommands } from './commands/models.ts';
import { operationCommands } from './commands/operations.ts';
import { packageCommands } from './commands/packages.ts';
import { challengerCommands } from './commands/challengers.ts';
import { deploymentCommands } from './commands/deployments.ts';
import { predictionCommands } from './commands/predictions.ts';
import { autopilotCommands, projectCommands } from './commands/projects.ts';
import { serviceCommands } from './commands/services.ts';
import { telemetryCommands } from './commands/telemetry.ts';

/** Every command, in the order that help shows. */
export const COMMANDS: readonly Command[] = [
  ...serviceCommands,
  ...backupCommands,
  ...hadoopCommands,
  ...datasetCommands,
  ...projectCommands,
  ...autopilotCommands,
  ...modelCommands,
  ...blueprintCommands,
  ...predictionCommands,
  ...deploymentCommands,
  ...challengerCommands,
  ...packageCommands,
  ...telemetryCommands,
  ...healthCommands,
  ...jobCommands,
  ...operationCommands,
  ...apiKeyCommands,
];
