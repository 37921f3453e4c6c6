import { fileURLToPath } from 'node:url';

/** Programs that run as processes of their own, or as threads of one, with the source file of each. */
export const PROGRAM_SOURCES = {
  cli: 'appserver/cli/main.ts',
  server: 'appserver/server/main.ts',
  'verify-thread': 'appserver/server/verification/thread.ts',
  backup: 'appserver/server/backup/main.ts',
  'hadoop-setup': 'appserver/hadoop-setup/main.ts',
  worker: 'yarn-workers/worker/main.ts',
  'task-child': 'yarn-workers/worker/child/main.ts',
  'mesh-thread': 'yarn-workers/worker/collectives/mesh-thread.ts',
  'prediction-server': 'prediction/server/main.ts',
  monitor: 'prediction/monitor/main.ts',
} as const;

export type ProgramName = keyof typeof PROGRAM_SOURCES;

/** `true` where `scripts/bundle` has put it into a bundle; not there at all when the source runs as it is. */
declare const TRAINYARD_BUNDLED: true | undefined;

/**
 * The file that Node runs for a program: a source file of this tree, or the bundle beside the running bundle. The only
 * place that knows the difference.
 */
export function programFile(name: ProgramName): string {
  const file = typeof TRAINYARD_BUNDLED === 'undefined' ? `../${PROGRAM_SOURCES[name]}` : `./${bundleName(name)}`;
  return fileURLToPath(new URL(file, import.meta.url));
}

/** Beside the bundles: the record (`ArchiveRecord`) of what packages of deployments have in common. */
export const PACKAGE_RUNTIME_RECORD = 'package-runtime.json';

/** Where the runtime of packages is had from: a program of the source tree that builds it, or a record beside the running bundle. */
export type PackageRuntimePlace = { readonly build: string } | { readonly record: string };

/** The place where nothing else is configured. */
export function packageRuntimePlace(): PackageRuntimePlace {
  return typeof TRAINYARD_BUNDLED === 'undefined'
    ? { build: fileURLToPath(new URL('../scripts/bundle', import.meta.url)) }
    : { record: fileURLToPath(new URL(`./${PACKAGE_RUNTIME_RECORD}`, import.meta.url)) };
}

/** File name of a program's bundle; the bundles of one installation lie in one folder. */
export const bundleName = (name: ProgramName): string => `${name}.mjs`;
