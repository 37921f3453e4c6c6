import { programFile, type ProgramName } from '#runtime';

/**
 * Heaps as large as the work of a program asks for, MiB: V8 would let the space of new objects of each grow to 32 a half. A
 * supervisor holds no data. A prediction server has a process for each core: threads of one's collector would wait for the cores of the
 * others, and the answers with them. `package-launcher.sh` says the same.
 */
const NODE_FLAGS: Partial<Readonly<Record<ProgramName, readonly string[]>>> = {
  server: ['--max-semi-space-size=4'],
  worker: ['--max-semi-space-size=1', '--max-old-space-size=128'],
  'prediction-server': ['--single-threaded-gc', '--max-semi-space-size=4'],
  monitor: ['--max-semi-space-size=4'],
};

/**
 * Words to start a program with this Node; the command line starts programs as processes and imports none of them.
 *
 * @param words what stands before the flags
 */
export const programArguments = (
  name: ProgramName,
  flags: Readonly<Record<string, string>>,
  words: readonly string[] = [],
): string[] => [
  ...(NODE_FLAGS[name] ?? []),
  programFile(name),
  ...words,
  ...Object.entries(flags).map(([key, value]) => `--${key}=${value}`),
];
