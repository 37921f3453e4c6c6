import { copyFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { PACKAGE_RUNTIME_RECORD, PROGRAM_SOURCES, type ProgramName } from '#runtime';
import { buildPackageRuntime, buildWorkerArchive, type BuiltArchive } from './build-archive.ts';
import { writePrograms } from './write-programs.ts';

const USAGE = `scripts/bundle [--json]                     builds the runtime archive of workers in the cache, or finds it there
scripts/bundle --package-runtime [--json]   the same of what packages of deployments have in common
scripts/bundle --programs FOLDER            writes every program as one file, with the native files that it loads, and that runtime
`;
const USAGE_EXIT = 64;
const root = path.resolve(import.meta.dirname, '../../..');

const OPTIONS = {
  json: { type: 'boolean', default: false },
  'package-runtime': { type: 'boolean', default: false },
  programs: { type: 'string', default: '' },
  help: { type: 'boolean', default: false },
  // Given by the wrapper.
  node: { type: 'string', default: '' },
  lightgbm: { type: 'string', default: '' },
  xgboost: { type: 'string', default: '' },
  libgomp: { type: 'string', default: '' },
  cache: { type: 'string', default: '' },
} as const;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) process.stdout.write(USAGE);
  else if (values.programs !== '') await programs(values.programs, values.node, values.cache);
  else {
    const startedAt = performance.now();
    const built = values['package-runtime']
      ? await buildPackageRuntime(root, values.node, values.cache)
      : await buildWorkerArchive(root, values, values.cache);
    if (values.json) console.log(JSON.stringify({ file: built.file, isCached: built.isCached, ...built.record }));
    else console.log(describe(built, performance.now() - startedAt));
  }
}

async function programs(folder: string, node: string, cache: string): Promise<void> {
  // The keys of the table are its names.
  const bundles = await writePrograms(root, folder, Object.keys(PROGRAM_SOURCES) as ProgramName[]);
  for (const { file, code, nativeFiles } of bundles)
    console.log(`${path.join(folder, file)}  ${code.length} bytes  ${[...nativeFiles.keys()].join(' ')}`.trimEnd());
  const runtime = await buildPackageRuntime(root, node, cache);
  const copy = path.join(folder, path.basename(runtime.file));
  copyFileSync(runtime.file, copy);
  writeFileSync(path.join(folder, PACKAGE_RUNTIME_RECORD), `${JSON.stringify(runtime.record, null, 2)}\n`);
  console.log(`${copy}  ${runtime.record.sizeBytes} bytes`);
}

function describe({ file, record, isCached }: BuiltArchive, elapsedMs: number): string {
  const { manifest, sizeBytes, sha256 } = record;
  const { needs } = manifest;
  return [
    `archive   ${file}`,
    `          ${(sizeBytes / 1e6).toFixed(1)} MB, ${isCached ? 'found in the cache' : 'built'} in ${(elapsedMs / 1000).toFixed(1)} s`,
    `contents  SHA-256 ${manifest.contentSha256}${manifest.program === 'worker' ? ' (worker.archiveSha256)' : ''}`,
    `file      SHA-256 ${sha256}`,
    `needs     glibc ${needs.glibc}, ${needs.libraries.join(' ')}`,
  ].join('\n');
}

try {
  await main();
} catch (err) {
  if (!(err instanceof TypeError) || !('code' in err)) throw err;
  console.error(`${err.message}\n\n${USAGE}`);
  process.exitCode = USAGE_EXIT;
}
