import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { mustRun, ownEnvironment } from '../hadoop/command.ts';
import { hadoopLibrary } from '../hadoop/library.ts';
import { javaHome } from '../hadoop/prerequisites.ts';
import { mavenLibrary } from '../maven.ts';

/** Packages of the platform that Hive looks into. */
const OPENED = ['lang', 'lang.reflect', 'net', 'nio', 'io', 'time', 'util', 'util.concurrent', 'util.regex'];
const LIMIT_MS = 5 * 60_000;

/** The answer to a query: names of the columns, and cells as texts. */
export interface HiveAnswer {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/**
 * Answers queries that read no table in Hive 4.1's own engine, which runs as a library: there is no HiveServer2 and no metastore.
 * Cells must not hold tabs.
 *
 * @throws MissingPrerequisite
 */
export async function answersOfHive(queries: readonly string[]): Promise<HiveAnswer[]> {
  const { folder: jars } = await mavenLibrary('hive', path.join(import.meta.dirname, 'jars.xml'));
  const hadoop = await hadoopLibrary('secured');
  const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-hive-'));
  try {
    const files = queries.map((_query, at) => path.join(folder, `query-${at}.sql`));
    for (const [at, file] of files.entries()) writeFileSync(file, queries[at] ?? '');
    const program = path.join(import.meta.dirname, 'HiveQueries.java');
    await mustRun(
      path.join(javaHome(), 'bin/java'),
      [
        ...['-Xmx1g', '-Xss8m', '-XX:+UseSerialGC', `-Djava.io.tmpdir=${folder}`],
        ...OPENED.flatMap((name) => ['--add-opens', `java.base/java.${name}=ALL-UNNAMED`]),
        ...['-cp', `${jars}/*:${hadoop.folder}/*`, program, folder, ...files],
      ],
      { cwd: folder, env: { ...ownEnvironment(), JAVA_HOME: javaHome() }, timeoutMs: LIMIT_MS },
    );
    return files.map((file) => {
      const [header = [], ...rows] = readFileSync(`${file}.out`, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t'));
      return { header, rows };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
