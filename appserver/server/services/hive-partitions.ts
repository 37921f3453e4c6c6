import { AppError, type RegisteredFile } from '#contracts';

type Partition = NonNullable<RegisteredFile['partition']>;

/** Hive's and Spark's folder of rows whose key is NULL. */
const NULL_VALUE = '__HIVE_DEFAULT_PARTITION__';
const FOLDER = /^([^=]+)=(.*)$/s;

/** Whether a folder's name is that of a partition, `key=value`. */
export const isPartitionFolder = (name: string): boolean => FOLDER.test(name);

/**
 * Keys and values of the partition folders between a folder and a file below it, outermost first. What Hive has escaped (`%3A`) is a character
 * again.
 *
 * @param folder absolute
 * @throws DATASET_SCHEMAS_DIFFER where a key stands twice in the path
 * @see Hive 4, `FileUtils.escapePathName`
 */
export function partitionOf(folder: string, file: string): Partition {
  const base = folder.split('/').filter((name) => name !== '').length;
  const names = file.split('/').slice(1 + base, -1);
  const partition = new Map<string, string | null>();
  for (const name of names) {
    const [, key, value] = FOLDER.exec(name) ?? [];
    if (key === undefined || value === undefined) continue;
    const plain = unescaped(key);
    if (partition.has(plain))
      throw new AppError(
        'DATASET_SCHEMAS_DIFFER',
        `File ${file}: the key ${JSON.stringify(plain)} is that of two folders`,
        {
          details: { path: file },
        },
      );
    partition.set(plain, value === NULL_VALUE ? null : unescaped(value));
  }
  return Object.fromEntries(partition);
}

/** All files are in folders of the same keys. @throws DATASET_SCHEMAS_DIFFER naming the first file that is not */
export function requireSameKeys(files: readonly Pick<RegisteredFile, 'path' | 'partition'>[]): void {
  const [first] = files;
  if (first === undefined) return;
  const expected = foldersOf(first);
  for (const file of files) {
    const found = foldersOf(file);
    if (found !== expected)
      throw new AppError(
        'DATASET_SCHEMAS_DIFFER',
        `File ${file.path}: expected ${expected} as file ${first.path}, found ${found}`,
        { details: { path: file.path, first: first.path } },
      );
  }
}

const foldersOf = ({ partition = {} }: Pick<RegisteredFile, 'partition'>): string => {
  const keys = Object.keys(partition);
  return keys.length === 0 ? 'no partition folder' : `folders ${keys.map((key) => `${key}=`).join('/')}`;
};

const unescaped = (text: string): string =>
  text.replace(/%([0-9A-Fa-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
