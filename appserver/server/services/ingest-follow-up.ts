import { AppError, planParts, toProblem, type IngestOutcome, type IngestTask, type PlannedPart } from '#contracts';
import { completeDataset, failDataset } from '#store';
import type { TaskFollowUp } from '../queue/index.ts';
import { checkFiles, checkInPlace, checkProfile, tableBytes } from './ingested-table.ts';
import { startParts } from './profile-follow-ups.ts';

/** A dataset is ready with its profile. A table that was only registered goes on with a task for each part of it. */
export const ingestFollowUp: TaskFollowUp<'ingest', null> = {
  async verify(task, sealed) {
    const { table, profile } = sealed.outcome;
    checkFiles(table, sealed);
    checkInPlace(table, task.spec.input);
    if (profile !== undefined) checkProfile(table, profile);
    else if (partsOf(task.spec, sealed.outcome).length === 0)
      throw new AppError('RESULT_MISMATCH', 'profile: expected one; found none, and the table has no parts');
    return null;
  },
  async committed(trx, task, { outcome }) {
    const { table, profile, warnings } = outcome;
    if (profile === undefined) return startParts(trx, task, partsOf(task.spec, outcome));
    return completeDataset(trx, task.spec.datasetId, { table, profile, warnings, sizeBytes: tableBytes(table) });
  },
  failed: (trx, task, problem) => failDataset(trx, task.spec.datasetId, toProblem(problem, null, true)),
  cancelled: (trx, task) =>
    failDataset(trx, task.spec.datasetId, toProblem(new AppError('JOB_CANCELLED', 'the job was cancelled'), null)),
};

/** Parts by the limits that stand in the task, so that its worker and every app server find the same ones. */
const partsOf = ({ parts }: IngestTask, { table }: IngestOutcome): PlannedPart[] =>
  parts === undefined ? [] : planParts(table, { ...parts, rowCells: table.columns.length });
