import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { SealedFile, StoredTable } from '#contracts';
import { openArtifact } from '#scoring';
import { rawRows, type Database } from '#store';
import type { Change } from './history.ts';
import { until } from '../processes.ts';
import { isDropped, type StoredFile } from './invariants.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Pause between two passes over everything visible, milliseconds. */
const PASS_MS = 100;

/** Kinds of tasks whose results are rows of the database alone. */
const KINDS_WITHOUT_FILES = ['feature-type'];

/** I4: the files of every committed result are there with the sizes and hashes that were sealed, until it is deleted. */
export function committedFilesAreThere(history: readonly Change[], objectsDir: string): string[] {
  const seals = new Map(
    history
      .filter(({ relation, operation }) => relation === 'task_seal' && operation === 'insert')
      .map(({ row }) => [`${String(row['task_id'])}/${String(row['fence'])}`, String(row['files'])]),
  );
  const dropped = new Set(
    history.filter(({ relation, row }) => relation === 'result' && isDropped(row)).map(({ row }) => row['task_id']),
  );
  const withoutFiles = new Set(
    history
      .filter(({ relation, row }) => relation === 'task' && KINDS_WITHOUT_FILES.includes(String(row['kind'])))
      .map(({ row }) => row['id']),
  );
  return history
    .filter(({ relation, operation }) => relation === 'result' && operation === 'insert')
    .filter(({ row }) => !dropped.has(row['task_id']))
    .flatMap(({ row }) => {
      const key = `${String(row['task_id'])}/${String(row['fence'])}`;
      const files = JSON.parse(seals.get(key) ?? '[]') as SealedFile[]; // sealed files as the store keeps them
      const folder = String(row['path']);
      if (files.length === 0 && !withoutFiles.has(row['task_id'])) return [`I4 result ${key} names no files`];
      return files.flatMap((file) => wrongWith(objectsDir, `${folder}/${file.name}`, file));
    });
}

function wrongWith(objectsDir: string, object: string, expected: { sizeBytes: number; sha256: string }): string[] {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path.join(objectsDir, object));
  } catch (err) {
    return [`I4 ${object} cannot be read: ${String(err)}`];
  }
  if (bytes.length !== expected.sizeBytes) return [`I4 ${object} has ${bytes.length} bytes, not ${expected.sizeBytes}`];
  return sha256(bytes) === expected.sha256 ? [] : [`I4 ${object} has another SHA-256 than the result says`];
}

/** All files below the object store's folder, temporary ones included. */
export function storedFiles(objectsDir: string): StoredFile[] {
  return readdirSync(objectsDir, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    if (!entry.isFile()) return [];
    const file = path.join(entry.parentPath, entry.name);
    const found = statSync(file, { throwIfNoEntry: false }); // a temporary name may go at any time
    return found === undefined ? [] : [{ path: path.relative(objectsDir, file), modifiedAtMs: found.mtimeMs }];
  });
}

/** I5: reads, again and again, every model and dataset that a user can see now. */
export class Scanner {
  /** Whole passes so far. */
  passCount = 0;
  /** Models and tables that were opened, repeats included. */
  openedCount = 0;
  readonly violations: string[] = [];
  readonly #database: Database;
  readonly #objectsDir: string;
  readonly #ended: Promise<void>;
  #isClosing = false;

  constructor(database: Database, objectsDir: string) {
    this.#database = database;
    this.#objectsDir = objectsDir;
    this.#ended = this.#run();
  }

  /** Waits until all that is visible now has been opened. */
  async nextPass(): Promise<void> {
    // The one that is under way may have looked before.
    const enough = this.passCount + 2;
    await until('a pass of the scanner', () => this.passCount >= enough);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#isClosing) {
      await this.#pass();
      await new Promise((resolve) => setTimeout(resolve, PASS_MS));
    }
  }

  async #pass(): Promise<void> {
    let models: { id: string; artifact_path: string; manifest_sha256: string }[];
    let tables: { id: string; stored_table: string }[];
    try {
      models = await rawRows(
        this.#database,
        `select id, artifact_path, manifest_sha256 from models where state = 'ready'`,
      );
      tables = await rawRows(this.#database, `select id, stored_table from datasets where state = 'ready'`);
    } catch {
      return; // the database is one of the things that are killed
    }
    for (const model of models) {
      this.#look(`model ${model.id}`, () => this.#openModel(model.artifact_path, model.manifest_sha256));
    }
    for (const { id, stored_table } of tables) {
      const { files } = JSON.parse(stored_table) as StoredTable; // a row that completeDataset wrote
      for (const file of files)
        this.#look(`dataset ${id}`, () => {
          const wrong = wrongWith(this.#objectsDir, file.path, file);
          if (wrong.length > 0) throw new Error(wrong.join());
        });
    }
    this.passCount += 1;
  }

  #openModel(folder: string, manifestSha256: string): void {
    const manifest = readFileSync(path.join(this.#objectsDir, folder, 'manifest.json'));
    if (sha256(manifest) !== manifestSha256) throw new Error('manifest.json has another SHA-256');
    openArtifact(JSON.parse(manifest.toString()), readFileSync(path.join(this.#objectsDir, folder, 'blob')), sha256);
  }

  #look(what: string, open: () => void): void {
    try {
      open();
      this.openedCount += 1;
    } catch (err) {
      this.violations.push(`I5 ${what}, visible to all, is not whole: ${String(err)}`);
    }
  }
}
