import { parseToken } from '#hadoop-auth';
import type { Page, SetupCluster } from '../cluster.ts';
import { textOf } from '../fields.ts';
import { check, ok, problem, type Check, type Finding } from './check.ts';
import type { ClockReading } from './clocks.ts';

export interface Gateways {
  readonly checks: readonly Check[];
  readonly anyAnswers: boolean;
  readonly clocks: readonly ClockReading[];
}

/** Asks every server of `hadoop.webHdfsUrls`, by which HDFS is reached instead of its NameNodes. */
export async function askGateways(cluster: SetupCluster, signal: AbortSignal | undefined): Promise<Gateways> {
  const { webHdfsUrls } = cluster.config.hadoop;
  const checks: Check[] = [];
  const clocks: ClockReading[] = [];
  for (const url of webHdfsUrls) {
    const { origin } = new URL(url);
    const name = `webhdfs ${origin}`;
    const found = await check(name, signal, async () => {
      const page = await cluster.page(`${origin}/webhdfs/v1/?op=GETHOMEDIRECTORY`, signal);
      const { clockDifferenceMs: differenceMs } = page;
      if (differenceMs !== null) clocks.push({ whose: name, differenceMs });
      return judgeGateway(origin, page);
    });
    checks.push(found);
  }
  const anyAnswers = checks.some(({ state }) => state === 'ok');
  if (anyAnswers && cluster.identity.kind === 'kerberos')
    checks.push(await check('tokens of users', signal, () => judgeTokens(cluster, signal)));
  return { checks, anyAnswers, clocks };
}

function judgeGateway(origin: string, page: Page): Finding {
  const home = textOf(page.json, 'Path');
  if (page.status === 200 && home !== null) return ok(`${origin}: answers as WebHDFS, home ${home}`);
  const words = textOf(page.json, 'RemoteException', 'message') ?? 'not in the words of WebHDFS';
  return problem(
    `${origin}: expected HttpFS or WebHDFS, found HTTP ${page.status} (${words.slice(0, 200)})`,
    'Correct hadoop.webHdfsUrls: http(s)://host:port of HttpFS (14000 by default), or leave it empty for the NameNodes of hdfs-site.xml.',
  );
}

/** Containers show their token to NameNodes, which know nothing of one that HttpFS made; that one names no service. */
async function judgeTokens({ hdfs }: SetupCluster, signal: AbortSignal | undefined): Promise<Finding> {
  const text = await hdfs.getDelegationToken(undefined, { signal });
  await hdfs.cancelDelegationToken(text);
  const { service } = parseToken(text);
  if (service !== '') return ok(`of the NameNode ${service}, good in containers too`);
  return problem(
    'hadoop.webHdfsUrls gives tokens of HttpFS’s own: neither YARN nor a NameNode takes them, so no job can run with them',
    'With Kerberos let the app servers reach the NameNodes’ WebHDFS, and leave hadoop.webHdfsUrls empty.',
  );
}
