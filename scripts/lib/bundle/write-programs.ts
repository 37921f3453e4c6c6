import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ProgramName } from '#runtime';
import { NATIVE_FOLDER } from './native-parts.ts';
import { bundleProgram, type ProgramBundle } from './programs.ts';

/** Folder of the web app's files, which the app server looks for beside itself. */
const UI_ASSETS = 'appserver/ui/assets';

/**
 * Writes programs as single files into a folder, with their native files and the web app beside them. They run there
 * without the source tree and without `node_modules`.
 *
 * @param root of the source tree
 */
export async function writePrograms(
  root: string,
  folder: string,
  names: readonly ProgramName[],
): Promise<readonly ProgramBundle[]> {
  const bundles = await Promise.all(names.map((name) => bundleProgram(root, name)));
  mkdirSync(path.join(folder, NATIVE_FOLDER), { recursive: true });
  for (const { file, code, nativeFiles } of bundles) {
    writeFileSync(path.join(folder, file), code);
    for (const [name, source] of nativeFiles) copyFileSync(source, path.join(folder, NATIVE_FOLDER, name));
  }
  if (names.includes('server')) cpSync(path.join(root, UI_ASSETS), path.join(folder, 'assets'), { recursive: true });
  return bundles;
}
