import { AppError } from '#contracts';
import { configFlags, loadConfig, runReportingProgram, type Config, type TellProgress } from '#runtime';
import { openAdministrator, type AdministratorOptions } from './administrator.ts';
import { openCluster } from './cluster.ts';
import { examine } from './doctor/doctor.ts';
import { install } from './install/install.ts';
import { uninstall } from './uninstall/uninstall.ts';

/**
 * `doctor`, `install` and `uninstall` with their own flags and configuration keys, all as `--name=value`. The command line
 * starts this program and shows what it says on standard output, one JSON object a line: `{progress}`, then `{result}` or
 * `{problem}`.
 */
async function main(argv: readonly string[], signal: AbortSignal, onProgress: TellProgress): Promise<object> {
  const [verb = '', ...rest] = argv;
  const { flags: all, file } = configFlags(rest);
  const { own, keys } = splitFlags(all);
  const { config } = loadConfig({ flags: keys, ...(file === undefined ? {} : { file }) });
  switch (verb) {
    case 'doctor':
      return examine({
        config,
        user: own.as === '' ? null : own.as,
        withProbe: own.noProbe !== 'true',
        onProgress,
        signal,
      });
    case 'install':
      return runInstall(config, own, { signal, onProgress });
    case 'uninstall':
      return runUninstall(config, own, { signal, onProgress });
    default:
      throw new AppError('BAD_REQUEST', `expected doctor, install or uninstall; found ${JSON.stringify(verb)}`);
  }
}

/** What is no configuration key. */
const OWN_FLAGS = {
  ...{ as: '', noProbe: '', archive: '', jars: '', prune: '', dryRun: '', yes: '', kill: '', withData: '' },
  ...{ installation: '', adminUser: '', adminKeytab: '', adminPrincipal: '' },
};
type OwnFlags = typeof OWN_FLAGS;

function splitFlags(all: Readonly<Record<string, string>>): { own: OwnFlags; keys: Record<string, string> } {
  const isOwn = ([name]: readonly [string, string]): boolean => Object.hasOwn(OWN_FLAGS, name);
  const entries = Object.entries(all);
  const own = { ...OWN_FLAGS, ...Object.fromEntries(entries.filter(isOwn)) };
  return { own, keys: Object.fromEntries(entries.filter((entry) => !isOwn(entry))) };
}

/** How a call is told of and ended. */
interface Course {
  readonly signal: AbortSignal;
  readonly onProgress: TellProgress;
}

async function runInstall(config: Config, own: OwnFlags, course: Course): Promise<object> {
  const jars = own.jars.split(',').filter((place) => place !== '');
  if (own.archive === '')
    throw new AppError('BAD_REQUEST', '--archive is missing: the archive that scripts/bundle built');
  if (jars.length === 0)
    throw new AppError('BAD_REQUEST', '--jars is missing: the folders that scripts/build-application-master printed');
  return withHands(config, own, (hands) =>
    install({
      ...hands,
      archive: own.archive,
      jars,
      prune: own.prune === 'true',
      dryRun: own.dryRun === 'true',
      ...course,
    }),
  );
}

function runUninstall(config: Config, own: OwnFlags, course: Course): Promise<object> {
  return withHands(config, own, (hands) =>
    uninstall({
      ...hands,
      yes: own.yes === 'true',
      kill: own.kill === 'true',
      installation: own.installation,
      withData: own.withData === 'true',
      dryRun: own.dryRun === 'true',
      ...course,
    }),
  );
}

type Hands = { readonly cluster: ReturnType<typeof openCluster>; readonly admin: ReturnType<typeof openAdministrator> };

async function withHands<T>(
  config: Config,
  options: AdministratorOptions,
  work: (hands: Hands) => Promise<T>,
): Promise<T> {
  const cluster = openCluster(config);
  try {
    const admin = openAdministrator(config.hadoop, options);
    try {
      return await work({ cluster, admin });
    } finally {
      await admin?.close();
    }
  } finally {
    await cluster.close();
  }
}

await runReportingProgram({ main, interrupted: 'interrupted; run it again to go on' });
