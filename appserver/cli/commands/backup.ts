import { configFlags } from '#runtime';
import type { JsonObject } from '../api-client.ts';
import type { FlagSpecs } from '../arguments.ts';
import { requiredFlag, type Command, type CommandContext } from '../command.ts';
import { runProgramToEnd } from '../program-process.ts';
import { withKeys } from './services.ts';

type Verb = 'backup' | 'restore';

/** Runs the program that does the work. @throws the program's own error */
async function runProgram(verb: Verb, argv: readonly string[], context: CommandContext): Promise<JsonObject> {
  const { flags, file } = configFlags(
    withKeys(argv.map((word) => (word === WITHOUT_KEYS ? '--withoutKeys=true' : word))),
  );
  const needed = verb === 'backup' ? 'to' : 'from';
  requiredFlag(flags[needed] === '' ? undefined : flags[needed], needed);
  return runProgramToEnd('backup', verb, file === undefined ? flags : { ...flags, config: file }, context);
}

const WITHOUT_KEYS = '--without-keys';

const seconds = (result: JsonObject): string => `${(Number(result['tookMs']) / 1000).toFixed(1)} s`;
const count = (value: unknown): string => Number(value).toLocaleString('en-US');
const megabytes = (value: unknown): string => `${(Number(value) / 1e6).toFixed(1)} MB`;

function contentsOf(manifest: JsonObject): string[] {
  const tables = manifest['tables'] as readonly { readonly rowCount: number }[]; // BackupManifest
  const objects = manifest['objects'] as { readonly count: number; readonly sizeBytes: number }; // BackupManifest
  const rowCount = tables.reduce((sum, table) => sum + table.rowCount, 0);
  return [
    `  database  ${count(rowCount)} rows of ${tables.length} tables, schema version ${String(manifest['schemaVersion'])}`,
    `  objects   ${count(objects.count)} (${megabytes(objects.sizeBytes)})`,
  ];
}

function backupText(result: JsonObject): string {
  const isOpen = result['withKeys'] === true;
  return [
    `backup of ${String(result['takenAt'])} in ${String(result['folder'])}`,
    ...contentsOf(result),
    isOpen
      ? '  keys      in it, not encrypted: whoever reads this folder can act as the installation'
      : '  keys      not in it: keep the folder of keys elsewhere, nothing can be restored without it',
    `  took      ${seconds(result)}`,
  ].join('\n');
}

function restoreText(result: JsonObject): string {
  const backup = result['backup'] as JsonObject; // BackupManifest
  const newLife = result['newLife'] as { readonly heldCount: number }; // NewLife
  return [
    `restored the backup of ${String(backup['takenAt'])} into ${String(result['dataDir'])}`,
    ...contentsOf(backup),
    ...(result['needsKeys'] === true ? ['  keys      none: put the kept ones into keys.dir before you start'] : []),
    `  tasks     ${count(newLife.heldCount)} that were at work begin again`,
    `  took      ${seconds(result)}`,
  ].join('\n');
}

function backupCommand(verb: Verb, spec: Pick<Command, 'usage' | 'summary' | 'flags'>): Command {
  return {
    path: verb,
    ...spec,
    isService: true,
    run: async (argv, context) => {
      const result = await runProgram(verb, argv, context);
      context.output.result(result, () => (verb === 'backup' ? backupText(result) : restoreText(result)));
      return 0;
    },
  };
}

const CONFIG_FLAGS = {
  dataDir: { kind: 'text', description: 'the installation’s data folder' },
  config: { kind: 'text', description: 'its configuration file; any configuration key is a flag too' },
} as const satisfies FlagSpecs;

export const backupCommands: readonly Command[] = [
  backupCommand('backup', {
    usage: '--to FOLDER [--data-dir DIR] [--without-keys] [--key.name VALUE ...]',
    summary: 'copy database, objects and keys while the platform runs',
    flags: {
      to: { kind: 'text', description: 'a new folder: the backup' },
      withoutKeys: { kind: 'switch', description: 'leave signing key, secrets and admin.key out' },
      ...CONFIG_FLAGS,
    },
  }),
  backupCommand('restore', {
    usage: '--from FOLDER --data-dir DIR [--key.name VALUE ...]',
    summary: 'write an installation from a backup into an empty place',
    flags: { from: { kind: 'text', description: 'the backup’s folder' }, ...CONFIG_FLAGS },
  }),
];
