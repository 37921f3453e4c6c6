import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PACKAGE_FOLDER } from '#contracts';
import type { TarEntry } from '#runtime';
import { licences } from './licences.ts';
import { bundleProgram } from './programs.ts';

const PROGRAM = 0o755;
const DATA = 0o644;
const TEXTS = 'scripts/lib/bundle';

/**
 * What every package of a deployment has beside the deployment: `start`, a README, and in `runtime/` Node and the prediction server,
 * which has no native parts.
 *
 * @param root of the source tree
 * @param node the binary that is shipped
 */
export async function packageRuntimeFiles(root: string, node: string): Promise<TarEntry[]> {
  const bundle = await bundleProgram(root, 'prediction-server');
  const text = (file: string) => readFileSync(path.join(root, file));
  const files = [
    { path: 'README', mode: DATA, content: text(`${TEXTS}/package-readme.txt`) },
    { path: 'start', mode: PROGRAM, content: text(`${TEXTS}/package-launcher.sh`) },
    { path: 'runtime/bin/node', mode: PROGRAM, content: readFileSync(node) },
    { path: `runtime/lib/${bundle.file}`, mode: DATA, content: bundle.code },
    { path: 'runtime/LICENSE', mode: DATA, content: text('LICENSE') },
    { path: 'runtime/THIRD-PARTY-LICENSES', mode: DATA, content: licences(root, [bundle], node, '') },
  ];
  return files.map((file) => ({ ...file, path: `${PACKAGE_FOLDER}/${file.path}` }));
}
