import { stat } from 'node:fs/promises';
import { AppError } from '#contracts';

/**
 * Why a run failed whose worker kept these files and folders: when an application ends, its NodeManager removes its
 * folders while the containers still end, and whatever a task reads or writes then fails in its own way.
 *
 * @returns WORK_FOLDER_LOST with the error as its cause if one of them is gone, else the error
 */
export async function explainByFiles(err: unknown, paths: readonly string[]): Promise<unknown> {
  for (const path of paths) {
    if (await isThere(path)) continue;
    return new AppError('WORK_FOLDER_LOST', `${path} was taken away while the task ran`, { cause: err });
  }
  return err;
}

export const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
