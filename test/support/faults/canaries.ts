import { readFileSync } from 'node:fs';
import path from 'node:path';
import { processOf } from '../processes.ts';
import { storedFiles } from './artefacts.ts';

/** A secret that was planted, by name. */
export type Canaries = Readonly<Record<string, string>>;

/** Where a secret must never turn up. */
export interface Places {
  /** What programs wrote, by name. */
  readonly logs: Readonly<Record<string, string>>;
  /** Command lines of programs that have ended; those of running ones are read from the system. */
  readonly commands: readonly (readonly string[])[];
  readonly pids: readonly number[];
  readonly objectsDir: string;
}

/** I21: no secret stands in a log, on a command line, in the environment of a task child, or in the object store. */
export function secretsStaySecret(canaries: Canaries, { logs, commands, pids, objectsDir }: Places): string[] {
  const texts: [string, string][] = [
    ...Object.entries(logs),
    ...commands.map((words): [string, string] => ['a command line', words.join(' ')]),
    ...pids.flatMap((pid): [string, string][] => {
      const entry = processOf(pid);
      if (entry === null) return [];
      const isTaskChild = entry.command.some((word) => word.endsWith('worker/child/main.ts'));
      return [
        [`the command line of process ${pid}`, entry.command.join(' ')],
        ...(isTaskChild ? [[`the environment of task child ${pid}`, environmentOf(pid)] as [string, string]] : []),
      ];
    }),
    ...storedFiles(objectsDir).map(({ path: object }): [string, string] => [
      `object ${object}`,
      textOf(path.join(objectsDir, object)),
    ]),
  ];
  return texts.flatMap(([place, text]) =>
    Object.entries(canaries).flatMap(([name, secret]) =>
      text.includes(secret) ? [`I21 the ${name} stands in ${place}`] : [],
    ),
  );
}

function environmentOf(pid: number): string {
  return textOf(`/proc/${pid}/environ`);
}

/** Bytes as characters of the same number; '' for what is gone. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
