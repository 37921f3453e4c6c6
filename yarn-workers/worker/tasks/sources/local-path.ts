import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '#contracts';

/**
 * The real file behind a path of the server's own, if it lies in one of the allowed folders after all links are
 * followed. What is not allowed and what is not there look the same outside the folders.
 *
 * @throws SOURCE_NOT_ALLOWED, SOURCE_NOT_FOUND
 */
export async function allowedFile(asked: string, roots: readonly string[]): Promise<string> {
  if (!path.isAbsolute(asked) || asked.includes('\0')) throw notAllowed(asked);
  const lexical = path.resolve(asked);
  const realRoots = (await Promise.all(roots.map((root) => realpath(root).catch(() => null)))).filter(
    (r) => r !== null,
  );
  if (![...roots, ...realRoots].some((root) => isInside(lexical, root))) throw notAllowed(asked);
  let real: string;
  try {
    real = await realpath(lexical);
  } catch (err) {
    throw new AppError('SOURCE_NOT_FOUND', `file ${asked} does not exist or cannot be read`, { cause: err });
  }
  if (!realRoots.some((root) => isInside(real, root))) throw notAllowed(asked);
  if (!(await stat(real)).isFile()) throw new AppError('SOURCE_NOT_FOUND', `${asked} is not a file`);
  return real;
}

const notAllowed = (asked: string) =>
  new AppError('SOURCE_NOT_ALLOWED', `path ${JSON.stringify(asked)} is not in a folder of ingest.pathRoots`);

function isInside(file: string, root: string): boolean {
  const relative = path.relative(root, file);
  return relative !== '' && relative !== '..' && !relative.startsWith('../') && !path.isAbsolute(relative);
}
