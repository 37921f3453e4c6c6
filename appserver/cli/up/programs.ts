import { programFile, type ProgramName } from '#runtime';

/** Words to start a program with this Node; the command line starts programs as processes and imports none of them. */
export const programArguments = (name: ProgramName, flags: Readonly<Record<string, string>>): string[] => [
  programFile(name),
  ...Object.entries(flags).map(([key, value]) => `--${key}=${value}`),
];
