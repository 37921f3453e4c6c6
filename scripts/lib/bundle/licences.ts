import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { ProgramBundle } from './programs.ts';

/**
 * The licence texts of all packages whose code is in the bundles, and of Node.
 *
 * @param notices of what is not from npm
 */
export function licences(root: string, bundles: readonly ProgramBundle[], node: string, notices: string): Buffer {
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
  return Buffer.from([...(notices === '' ? [] : [notices]), ...parts].join('\n'));
}

/** For a package that ships no licence text: what its package.json says. */
function licenceNamed(root: string, folder: string): string {
  const json = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8')) as { license?: unknown }; // npm's format
  return `License: ${String(json.license)}`;
}
