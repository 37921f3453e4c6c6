import { until } from '../processes.ts';

/** What the ResourceManager says of a NodeManager. */
export interface NodeReport {
  /** `host:port` */
  readonly id: string;
  /** `RUNNING`, `LOST`, ... */
  readonly state: string;
}

/** The NodeManagers that a ResourceManager without Kerberos knows. */
export async function nodesOf(resourceManagerUrl: string): Promise<NodeReport[]> {
  const response = await fetch(`${resourceManagerUrl}/ws/v1/cluster/nodes`);
  // The ResourceManager's documented answer; `nodes` is null before the first one has registered.
  const { nodes } = (await response.json()) as { nodes: { node: NodeReport[] } | null };
  return nodes?.node ?? [];
}

/** An application whose first container is a shell command, and which registers with nobody. */
export interface ShellApplication {
  /** Without double quotes: YARN puts them around it. */
  readonly command: string;
  readonly memoryMb: number;
}

/** Submits it as alice to the queue `ml`. Returns its id. */
export async function submitShell(resourceManagerUrl: string, application: ShellApplication): Promise<string> {
  const api = `${resourceManagerUrl}/ws/v1/cluster/apps`;
  const created = await fetch(`${api}/new-application?user.name=alice`, { method: 'POST' });
  const { 'application-id': id } = (await created.json()) as { 'application-id': string }; // as documented
  const response = await fetch(`${api}?user.name=alice`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      'application-id': id,
      'application-name': 'shell',
      queue: 'ml',
      'max-app-attempts': 1,
      'am-container-spec': { commands: { command: application.command } },
      resource: { memory: application.memoryMb, vCores: 1 },
    }),
  });
  if (response.status !== 202) throw new Error(`submission was answered ${response.status}: ${await response.text()}`);
  return id;
}

/** State and diagnostics of an application. */
export async function applicationOf(
  resourceManagerUrl: string,
  id: string,
): Promise<{ readonly state: string; readonly diagnostics: string }> {
  const response = await fetch(`${resourceManagerUrl}/ws/v1/cluster/apps/${id}`);
  const { app } = (await response.json()) as { app: { state: string; diagnostics: string } }; // as documented
  return app;
}

const LIVE_STATES = 'NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING';

/** Ends all applications of a cluster without Kerberos, and waits until they have ended. Returns what it ended. */
export async function endApplications(resourceManagerUrl: string): Promise<string[]> {
  const api = `${resourceManagerUrl}/ws/v1/cluster/apps`;
  const live = async (): Promise<string[]> => {
    const response = await fetch(`${api}?states=${LIVE_STATES}`);
    const { apps } = (await response.json()) as { apps: { app?: { id: string; name: string }[] } | null }; // as documented
    return (apps?.app ?? []).map(({ id, name }) => `${id} ${name}`);
  };
  const found = await live();
  for (const name of found) {
    await fetch(`${api}/${name.split(' ')[0] ?? ''}/state?user.name=yarn`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ state: 'KILLED' }),
    });
  }
  if (found.length > 0) await until('the end of applications', async () => (await live()).length === 0);
  return found;
}
