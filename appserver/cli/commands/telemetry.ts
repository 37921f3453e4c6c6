import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { AppError, ERROR_TABLE, ImportedTelemetry, isAppError, parse, TELEMETRY_MEDIA_TYPE } from '#contracts';
import type { ApiClient } from '../api-client.ts';
import { command, requiredWord } from '../command.ts';

/** Files that one import may name. */
const PATHS_MAX = 100_000;

/** What became of the files of an import. */
interface Imported {
  readonly segments: number;
  /** Numbers that were not counted before, lost ones included. */
  readonly events: number;
  /** Segments that had been counted. */
  readonly known: number;
  readonly refused: readonly { readonly file: string; readonly code: string; readonly message: string }[];
}

export const telemetryCommands = [
  command({
    path: 'telemetry import',
    usage: 'PATH...',
    summary: 'count what prediction servers of closed networks have recorded: files, or folders of .seg files',
    flags: {},
    wordsMax: PATHS_MAX,
    run: async ({ words }, { api, output }) => {
      requiredWord(words, 'a file or folder of telemetry');
      const imported = await importAll(api(), words.flatMap(filesOf));
      output.result(imported, () => textOf(imported));
      return imported.refused.length === 0 ? 0 : ERROR_TABLE.TELEMETRY_SIGNATURE.exitCode;
    },
  }),
];

/** A file that is refused does not keep the others. */
async function importAll(api: ApiClient, files: readonly string[]): Promise<Imported> {
  let [segments, events, known] = [0, 0, 0];
  const refused: Imported['refused'][number][] = [];
  for (const file of files) {
    try {
      const answer = await api.postBytes('/telemetry/import', readFileSync(file), TELEMETRY_MEDIA_TYPE);
      const { state, firstNumber, endNumber } = parse(ImportedTelemetry, answer, 'answer');
      segments += 1;
      if (state === 'known') known += 1;
      else events += endNumber - firstNumber;
    } catch (err) {
      if (!isAppError(err, 'TELEMETRY_INVALID') && !isAppError(err, 'TELEMETRY_SIGNATURE')) throw err;
      refused.push({ file, code: err.code, message: err.message });
    }
  }
  return { segments, events, known, refused };
}

/** @throws BAD_REQUEST for what is not there, and a folder without any */
function filesOf(place: string): string[] {
  const found = statSync(place, { throwIfNoEntry: false });
  if (found === undefined) throw new AppError('BAD_REQUEST', `${place} does not exist`);
  if (!found.isDirectory()) return [place];
  const files = readdirSync(place)
    .filter((name) => name.endsWith('.seg'))
    .sort();
  if (files.length === 0) throw new AppError('BAD_REQUEST', `folder ${place}: expected files NAME.seg; found none`);
  return files.map((name) => path.join(place, name));
}

function textOf({ segments, events, known, refused }: Imported): string {
  const lines = [`${segments} files taken: ${events} events to be counted; ${known} files had been counted before`];
  if (refused.length > 0) lines.push(`${refused.length} files refused:`);
  return [...lines, ...refused.map(({ file, code, message }) => `  ${file}: ${code} ${message}`)].join('\n');
}
