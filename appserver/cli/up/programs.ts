import { fileURLToPath } from 'node:url';

/** Programs that the command line starts as processes of their own; it imports none of them. */
export const PROGRAMS = {
  server: new URL('../../server/main.ts', import.meta.url),
  backup: new URL('../../server/backup/main.ts', import.meta.url),
  worker: new URL('../../../yarn-workers/worker/main.ts', import.meta.url),
  'prediction-server': new URL('../../../prediction/server/main.ts', import.meta.url),
} as const;

export type ProgramName = keyof typeof PROGRAMS;

/** Words to start a program with this Node. */
export const programArguments = (name: ProgramName, flags: Readonly<Record<string, string>>): string[] => [
  fileURLToPath(PROGRAMS[name]),
  ...Object.entries(flags).map(([key, value]) => `--${key}=${value}`),
];
