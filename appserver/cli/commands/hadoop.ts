import { AppError } from '#contracts';
import { configFlags } from '#runtime';
import type { JsonObject } from '../api-client.ts';
import { kebab, type FlagSpecs } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { cell, table } from '../output.ts';
import { runProgramToEnd } from '../program-process.ts';
import { withKeys } from './services.ts';

type Verb = 'doctor' | 'install' | 'uninstall';

const CONFIG_FLAGS = {
  config: { kind: 'text', description: 'the configuration file; any configuration key is a flag too' },
} as const satisfies FlagSpecs;

const ADMINISTRATOR_FLAGS = {
  adminUser: { kind: 'text', description: 'who makes and removes folders where the service may not; without Kerberos' },
  adminKeytab: { kind: 'text', description: 'the same with Kerberos, e.g. the keytab of hdfs' },
  adminPrincipal: { kind: 'text', description: 'its principal; by default the keytab’s first' },
  dryRun: { kind: 'switch', description: 'show what would be done, and do nothing' },
} as const satisfies FlagSpecs;

const FLAGS = {
  doctor: {
    as: { kind: 'text', description: 'an end user in whose name the rights are tried' },
    noProbe: { kind: 'switch', description: 'run no container on a node' },
    ...CONFIG_FLAGS,
  },
  install: {
    archive: {
      kind: 'text',
      description: 'the archive of scripts/bundle, or a file with the output of scripts/bundle --json',
    },
    jars: {
      kind: 'list',
      description: 'the folders that scripts/build-application-master printed, separated by commas',
    },
    prune: { kind: 'switch', description: 'take the files of former versions away' },
    ...ADMINISTRATOR_FLAGS,
    ...CONFIG_FLAGS,
  },
  uninstall: {
    yes: { kind: 'switch', description: 'really do it' },
    kill: { kind: 'switch', description: 'end the platform’s applications that still run' },
    installation: { kind: 'text', description: 'only applications of the installation of this id' },
    withData: { kind: 'switch', description: 'remove datasets and models too' },
    ...ADMINISTRATOR_FLAGS,
    ...CONFIG_FLAGS,
  },
} as const satisfies Readonly<Record<Verb, FlagSpecs>>;

/** Flags of a command as the program takes them: `--dry-run` as `--dryRun=true`. */
function programFlags(verb: Verb, argv: readonly string[]): Record<string, string> {
  const specs: FlagSpecs = FLAGS[verb];
  const names = new Map(Object.keys(specs).map((name) => [`--${kebab(name)}`, name]));
  const words = argv.map((word) => {
    const [flag = '', ...value] = word.split('=');
    const name = names.get(flag);
    if (name === undefined) return word;
    if (specs[name]?.kind === 'switch' && value.length === 0) return `--${name}=true`;
    return [`--${name}`, ...value].join('=');
  });
  const { flags, file } = configFlags(withKeys(words));
  return file === undefined ? flags : { ...flags, config: file };
}

interface CheckView {
  readonly name: string;
  readonly state: string;
  readonly found: string;
  readonly remedy: string;
}

function doctorText(result: JsonObject): string {
  const checks = result['checks'] as readonly CheckView[]; // DoctorReport
  const counts = result['counts'] as Readonly<Record<string, number>>; // DoctorReport
  const rows = checks.map(({ name, state, found }) => [state, name, found].map(cell));
  const remedies = checks
    .filter(({ remedy }) => remedy !== '')
    .map(({ name, state, remedy }) => `${state} ${name}: ${cell(remedy)}`);
  const sum = Object.entries(counts).map(([state, count]) => `${count} ${state}`);
  return [
    table(['state', 'check', 'found'], rows),
    ...(remedies.length === 0 ? [] : ['', 'What to do:', ...remedies.map((line) => `  ${line}`)]),
    '',
    sum.join(', '),
  ].join('\n');
}

interface StepView {
  readonly action: string;
  readonly subject: string;
  readonly detail: string;
}

function stepsText(result: JsonObject, nothing: string): string[] {
  const steps = result['steps'] as readonly StepView[]; // InstallReport, UninstallReport
  if (steps.length === 0) return [nothing];
  const rows = steps.map(({ action, subject, detail }) => [action, subject, detail].map(cell));
  const head = result['dryRun'] === true ? ['dry run: nothing was changed; this would be done'] : [];
  return [...head, table(['action', 'what', ''], rows)];
}

function installText(result: JsonObject): string {
  const settings = result['settings'] as { trainyard: JsonObject; coreSite: Readonly<Record<string, string>> }; // InstallReport
  const properties = Object.entries(settings.coreSite).map(
    ([name, value]) => `  <property><name>${name}</name><value>${value}</value></property>`,
  );
  return [
    ...stepsText(result, ''),
    '',
    `version ${String(result['programVersion'])}, archive ${String(result['archiveSha256']).slice(0, 12)}, in ${String(result['folder'])}`,
    '',
    'conf/trainyard.json of the app servers:',
    JSON.stringify(settings.trainyard, null, 2),
    '',
    'core-site.xml of NameNodes and ResourceManagers (GROUP: a group of the end users; hosts: those of the app servers):',
    ...properties,
  ].join('\n');
}

const uninstallText = (result: JsonObject): string =>
  stepsText(result, `nothing is installed in ${String(result['folder'])}`).join('\n');

const TEXTS = { doctor: doctorText, install: installText, uninstall: uninstallText } as const;

async function runVerb(verb: Verb, argv: readonly string[], context: CommandContext): Promise<number> {
  if (argv.some((word) => !word.startsWith('--') && argv[0] === word))
    throw new AppError('BAD_REQUEST', `unexpected argument ${JSON.stringify(argv[0])}`);
  const result = await runProgramToEnd('hadoop-setup', verb, programFlags(verb, argv), context);
  context.output.result(result, () => TEXTS[verb](result));
  const counts = result['counts'] as Readonly<Record<string, number>> | undefined; // DoctorReport
  return (counts?.['problem'] ?? 0) > 0 ? 1 : 0;
}

const hadoopCommand = (verb: Verb, usage: string, summary: string): Command => ({
  path: `hadoop ${verb}`,
  usage,
  summary,
  flags: FLAGS[verb],
  isService: true,
  run: (argv, context) => runVerb(verb, argv, context),
});

export const hadoopCommands: readonly Command[] = [
  hadoopCommand(
    'doctor',
    '[--as USER] [--no-probe] [--key.name VALUE ...]',
    'look whether a Hadoop cluster has what an installation needs; changes nothing',
  ),
  hadoopCommand(
    'install',
    '--archive FILE --jars DIR,DIR [--admin-user USER | --admin-keytab FILE] [--prune] [--dry-run] [--key.name VALUE ...]',
    'put the programs of containers into a Hadoop cluster, or a newer version of them',
  ),
  hadoopCommand(
    'uninstall',
    '--yes [--kill] [--with-data] [--admin-user USER | --admin-keytab FILE] [--dry-run] [--key.name VALUE ...]',
    'take out of a Hadoop cluster what install put there',
  ),
];
