import { until } from '../processes.ts';

/** A folder of HDFS that every shape has. */
export interface HomeFolder {
  readonly path: string;
  readonly owner: string;
  readonly group: string;
  /** Octal. */
  readonly permission: string;
}

/** Home folders, and those that everybody may write. */
export const HOME_FOLDERS: readonly HomeFolder[] = [
  { path: '/tmp', owner: 'hdfs', group: 'supergroup', permission: '1777' },
  { path: '/user', owner: 'hdfs', group: 'supergroup', permission: '755' },
  { path: '/user/trainyard', owner: 'trainyard', group: 'trainyard', permission: '755' },
  { path: '/user/alice', owner: 'alice', group: 'users', permission: '700' },
  { path: '/user/bob', owner: 'bob', group: 'users', permission: '700' },
  // Of log aggregation.
  { path: '/app-logs', owner: 'yarn', group: 'hadoop', permission: '1777' },
];

/** Sends one PUT without a body. */
export type Put = (url: string) => Promise<{ readonly status: number; readonly body: string }>;

/** Makes the folders through the WebHDFS of a NameNode, as soon as it takes writes. `put` asks as the superuser. */
export async function makeHomes(nameNodeUrl: string, folders: readonly HomeFolder[], put: Put): Promise<void> {
  const ask = async (path: string, parameters: Readonly<Record<string, string>>): Promise<boolean> => {
    const url = `${nameNodeUrl}/webhdfs/v1${path}?${new URLSearchParams(parameters).toString()}`;
    const { status, body } = await put(url);
    if (status === 200) return true;
    if (/SafeModeException|StandbyException|RetriableException/.test(body)) return false;
    throw new Error(`PUT ${url} was answered ${status}: ${body}`);
  };
  for (const { path, owner, group, permission } of folders) {
    await until(`HDFS to make ${path}`, () => ask(path, { op: 'MKDIRS', permission }));
    await until(`HDFS to give ${path} away`, () => ask(path, { op: 'SETOWNER', owner, group }));
  }
}

/** As `hdfs` where Kerberos is off. */
export const simplePut: Put = async (url) => {
  const response = await fetch(`${url}&user.name=hdfs`, { method: 'PUT' });
  return { status: response.status, body: await response.text() };
};
