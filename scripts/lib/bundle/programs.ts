import { build, type Metafile } from 'esbuild';
import { bundleName, PROGRAM_SOURCES, type ProgramName } from '#runtime';
import { nativeFilesOf, nativeParts } from './native-parts.ts';

/** A program in one file. */
export interface ProgramBundle {
  readonly name: ProgramName;
  /** Name of the file; the bundles of one installation lie in one folder. */
  readonly file: string;
  readonly code: Uint8Array;
  /** Source files that it is made of, relative to the root of the repository, sorted. */
  readonly sources: readonly string[];
  /** Modules that are loaded when the program runs: Node's own, and native parts by their path. */
  readonly externals: readonly string[];
  /** Native files that must lie beside it, by name, with the files that they are copies of. */
  readonly nativeFiles: ReadonlyMap<string, string>;
}

/** Database drivers that knex would load for other databases, and what `pg` can do without. */
const ABSENT_PACKAGES = [
  ...['sqlite3', 'mysql', 'mysql2', 'mariadb/callback', 'oracledb', 'tedious'],
  ...['pg-native', 'pg-query-stream'],
];

/** CommonJS packages call `require`, which an ES module does not have by itself. */
const REQUIRE = `import { createRequire as createRequireOfBundle } from 'node:module';
const require = createRequireOfBundle(import.meta.url);`;

/**
 * Bundles a program of the source tree under `root` into one ES module. The same source gives the same bytes, wherever
 * the tree lies.
 *
 * @throws Error naming what cannot be bundled
 */
export async function bundleProgram(root: string, name: ProgramName): Promise<ProgramBundle> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [PROGRAM_SOURCES[name]],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    outfile: bundleName(name),
    write: false,
    metafile: true,
    legalComments: 'inline',
    logLevel: 'silent',
    define: { TRAINYARD_BUNDLED: 'true' },
    banner: { js: REQUIRE },
    external: ABSENT_PACKAGES,
    plugins: [nativeParts()],
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error(`bundle of ${name}: esbuild gave no file`);
  const sources = sourcesOf(result.metafile);
  const externals = externalsOf(result.metafile);
  return {
    name,
    file: bundleName(name),
    code: output.contents,
    sources,
    externals,
    nativeFiles: nativeFilesOf(root, sources),
  };
}

/** What is left of the files that were read: modules of which nothing is used are no part of the program. */
function sourcesOf({ outputs }: Metafile): string[] {
  const used = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0),
  );
  return [...new Set(used.map(([file]) => file))].sort();
}

function externalsOf({ outputs }: Metafile): string[] {
  const paths = Object.values(outputs).flatMap(({ imports }) =>
    imports.filter(({ external }) => external === true).map((entry) => entry.path),
  );
  return [...new Set(paths)].sort();
}
