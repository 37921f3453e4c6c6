import type { FeatureTypeTask } from '#contracts';
import { readAsType } from '#ml';
import { limitCells } from '#tables';
import type { TaskHandler } from '../child/task-run.ts';

/** Reads one feature of a dataset as another type, and profiles it. Nothing is written: the rows are those that are there. */
export const runFeatureType: TaskHandler<FeatureTypeTask> = async ({ task: { spec }, context, reporter }) => {
  reporter.log(`${JSON.stringify(spec.feature)} as ${spec.type}: ${spec.table.rowCount} rows`);
  const read = await readAsType(
    spec,
    (table) => limitCells(context.openTable(table), context.configuration.ingest.cellBytesMax),
    {
      onProgress: async ({ fraction, phase, message }) => {
        reporter.progress({ fraction, phase, message });
        await reporter.breathe();
      },
    },
  );
  return { kind: 'feature-type', ...read };
};
