import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { NATIVE_FOLDER } from './native-parts.ts';
import { bundleProgram, type ProgramBundle } from './programs.ts';
import type { TarEntry } from './tar.ts';

/** Files from outside of the source tree that an archive is made of; `scripts/bundle` has them in its cache. */
export interface OutsideFiles {
  readonly node: string;
  readonly lightgbm: string;
  /** The libgomp that it asks for by a name of its own lies beside it. */
  readonly xgboost: string;
  /** Built for an old C library, so that it does not decide where the archive runs. */
  readonly libgomp: string;
}

const PROGRAM = 0o755;
const DATA = 0o644;
const LAUNCHER = 'scripts/lib/bundle/worker-launcher.sh';

/**
 * Everything that a worker needs on a machine which has nothing but a shell and a C and C++ library:
 * `bin/worker` starts `lib/worker.mjs` by `bin/node`; the task child, its thread and native files lie beside it.
 *
 * @param root of the source tree
 */
export async function workerFiles(root: string, outside: OutsideFiles): Promise<TarEntry[]> {
  const programs = ['worker', 'task-child', 'mesh-thread'] as const;
  const bundles = await Promise.all(programs.map((name) => bundleProgram(root, name)));
  const native = new Map(bundles.flatMap(({ nativeFiles }) => [...nativeFiles]));
  native.set('lib_lightgbm.so', outside.lightgbm);
  native.set('libgomp.so.1', outside.libgomp);
  for (const file of globSync('*.so*', { cwd: path.dirname(outside.xgboost) }))
    native.set(file, path.join(path.dirname(outside.xgboost), file));
  return [
    { path: 'bin/node', mode: PROGRAM, content: readFileSync(outside.node) },
    { path: 'bin/worker', mode: PROGRAM, content: readFileSync(path.join(root, LAUNCHER)) },
    ...bundles.map(({ file, code }) => ({ path: `lib/${file}`, mode: DATA, content: code })),
    ...[...native].map(([name, source]) => ({
      path: `lib/${NATIVE_FOLDER}/${name}`,
      mode: DATA,
      content: readFileSync(source),
    })),
    { path: 'LICENSE', mode: DATA, content: readFileSync(path.join(root, 'LICENSE')) },
    { path: 'THIRD-PARTY-LICENSES', mode: DATA, content: licences(root, bundles, outside.node) },
  ];
}

const OUTSIDE_NOTICES = `LightGBM: MIT License, Copyright (c) Microsoft Corporation, https://github.com/microsoft/LightGBM
XGBoost: Apache License 2.0, Copyright (c) by Contributors, https://github.com/dmlc/xgboost
libgomp: GNU GPL version 3 with the GCC Runtime Library Exception 3.1, https://gcc.gnu.org/
`;

/** The licence texts of all packages whose code is in the bundles, and of Node. */
function licences(root: string, bundles: readonly ProgramBundle[], node: string): Buffer {
  const folders = new Set(
    bundles
      .flatMap(({ sources, nativeFiles }) => [
        ...sources,
        ...[...nativeFiles.values()].map((file) => path.relative(root, file)),
      ])
      .flatMap((source) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(source)?.[0] ?? []),
  );
  const parts = [...folders].sort().map((folder) => {
    const [file] = globSync('{LICENSE,LICENCE,license}*', { cwd: path.join(root, folder) }).sort();
    const text = file === undefined ? licenceNamed(root, folder) : readFileSync(path.join(root, folder, file), 'utf8');
    return `== ${folder.replace(/^.*node_modules\//, '')}\n\n${text.trim()}\n`;
  });
  const ofNode = path.resolve(node, '../../LICENSE');
  if (existsSync(ofNode)) parts.push(`== Node.js\n\n${readFileSync(ofNode, 'utf8').trim()}\n`);
  return Buffer.from([OUTSIDE_NOTICES, ...parts].join('\n'));
}

/** For a package that ships no licence text: what its package.json says. */
function licenceNamed(root: string, folder: string): string {
  const json = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8')) as { license?: unknown }; // npm's format
  return `License: ${String(json.license)}`;
}
