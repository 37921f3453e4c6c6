import type { ManifestStep } from '#contracts';
import { binSampleRows, sampledForBins } from './bin-sample.ts';
import { BinsLost } from './binned/bin-store.ts';
import type { BinSample } from './binned/kept-facts.ts';
import type { HeldOut, TableEncoder } from './encoder.ts';
import type { MemberContext } from './fit-member.ts';
import { keepRows, type KeptRows } from './kept-rows.ts';
import { countRows } from './row-roles.ts';

/** How a member's matrix is made. */
export interface MemberMatrix {
  readonly encoder: TableEncoder;
  readonly steps: readonly ManifestStep[];
  readonly heldOut: HeldOut | null;
}

/** What of a fit decides about the rows that bins are found from. */
export type SampleContext = Pick<MemberContext<unknown>, 'task' | 'rows' | 'takeSurveyed' | 'facts'>;

/**
 * The rows that a member's bins are found from: those that an earlier model of the project has left, or those of the table, which are left
 * for later ones.
 *
 * @param trains whether a row trains, on whatever rank
 */
export async function memberSample(
  context: SampleContext,
  matrix: MemberMatrix,
  trains: (row: number) => boolean,
): Promise<BinSample> {
  const { facts } = context;
  const found = facts?.found ?? null;
  if (found !== null) {
    const kept = await found.readSample().catch(nullIfLost);
    if (kept !== null) return kept;
  }
  const { encoder, steps, heldOut } = matrix;
  const sample = await readSample(context, encoder, trains);
  const encodings = heldOut?.categories?.encodings ?? [];
  await facts?.keep({ steps, encodings, texts: heldOut?.texts ?? null }, sample);
  return sample;
}

/** Of the rows that the survey kept, or of one more pass over the table. */
async function readSample(
  { task, rows: { rowCount }, takeSurveyed }: SampleContext,
  encoder: TableEncoder,
  trains: (row: number) => boolean,
): Promise<KeptRows> {
  const { columnCount } = encoder;
  const most = binSampleRows(columnCount);
  const isSampled = sampledForBins(task.seed, trains, countRows(rowCount, trains), most);
  const surveyed = takeSurveyed();
  const sample = keepRows(isSampled, rowCount, columnCount);
  if (surveyed === null || surveyed.most < most) await encoder.pass(sample.add);
  else
    for (const read of surveyed.read)
      encoder.encode(read, (values, count, first) =>
        sample.addNumbered(values, count, (row) => read.rows[first + row] ?? -1),
      );
  return sample;
}

function nullIfLost(err: unknown): null {
  if (!(err instanceof BinsLost)) throw err;
  return null;
}
