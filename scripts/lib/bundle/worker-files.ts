import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { TarEntry } from '#runtime';
import { licences } from './licences.ts';
import { NATIVE_FOLDER } from './native-parts.ts';
import { bundleProgram } from './programs.ts';

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

const OUTSIDE_NOTICES = `LightGBM: MIT License, Copyright (c) Microsoft Corporation, https://github.com/microsoft/LightGBM
XGBoost: Apache License 2.0, Copyright (c) by Contributors, https://github.com/dmlc/xgboost
libgomp: GNU GPL version 3 with the GCC Runtime Library Exception 3.1, https://gcc.gnu.org/
`;

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
    { path: 'THIRD-PARTY-LICENSES', mode: DATA, content: licences(root, bundles, outside.node, OUTSIDE_NOTICES) },
  ];
}
