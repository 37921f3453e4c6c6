import path from 'node:path';
import { AppError, FIELD_ERRORS_MAX, type FieldError } from '#contracts';
import { bytesText, statOrNull, type OnProgress } from './files.ts';
import {
  measure,
  MEMBERS_FILE,
  readManifest,
  readMembers,
  type BackupManifest,
  type BackupMember,
} from './manifest.ts';

/**
 * Reads every byte of a backup and compares it with its manifest.
 *
 * @throws BACKUP_INVALID naming all members (up to a limit) that are missing or damaged
 */
export async function verifyBackup(
  folder: string,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<BackupManifest> {
  const manifest = await readManifest(folder);
  await verifyMemberList(folder, manifest, signal);
  const wrong: FieldError[] = [];
  let wrongCount = 0;
  let doneBytes = 0;
  for await (const member of readMembers(folder)) {
    const message = await faultOf(folder, member, signal);
    doneBytes += member.sizeBytes;
    onProgress(doneBytes / manifest.members.sizeBytes, `verified: ${bytesText(doneBytes)}`);
    if (message === null) continue;
    wrongCount += 1;
    if (wrong.length < FIELD_ERRORS_MAX) wrong.push({ path: member.path, message });
  }
  if (wrongCount > 0)
    throw new AppError('BACKUP_INVALID', `${folder}: ${wrongCount} of its files are missing or damaged`, {
      errors: wrong,
    });
  return manifest;
}

async function verifyMemberList(folder: string, { members }: BackupManifest, signal: AbortSignal): Promise<void> {
  const file = path.join(folder, MEMBERS_FILE);
  if ((await statOrNull(file))?.isFile() === true && (await measure(file, signal)).sha256 === members.sha256) return;
  throw new AppError('BACKUP_INVALID', `${file} is missing or damaged: its SHA-256 is not the manifest’s`);
}

/** What is wrong with a file of a backup, or null. */
async function faultOf(folder: string, member: BackupMember, signal: AbortSignal): Promise<string | null> {
  const file = path.join(folder, member.path);
  const found = await statOrNull(file);
  if (found?.isFile() !== true) return 'is missing';
  if (found.size !== member.sizeBytes) return `expected ${member.sizeBytes} bytes, found ${found.size}`;
  const { sha256 } = await measure(file, signal);
  return sha256 === member.sha256 ? null : `expected SHA-256 ${member.sha256}, found ${sha256}`;
}
