import { isLoopback, urlsForContainers, type Config } from '#runtime';
import { ok, warning, type Finding } from './check.ts';

/** Whether containers will speak TLS to the app servers, by the configuration; nothing is asked of them. */
export function judgeAppServer(config: Pick<Config, 'yarn' | 'server'>): Finding {
  const urls = urlsForContainers(config);
  const open = urls.filter((url) => !url.startsWith('https:') && !isLoopback(new URL(url).hostname));
  if (open.length > 0)
    return warning(
      `plain HTTP: ${open.join(', ')}: secrets of pools and the news of tasks can be read on the way`,
      'Set server.certificateFile and server.keyFile, an https:// server.publicUrl or yarn.serverUrls, and server.caFile for an authority of your own.',
    );
  const { caFile } = config.server;
  const known = caFile === '' ? 'an authority that Node and the nodes’ Java know' : caFile;
  const list = urls.join(', ');
  return ok(
    urls.some((url) => url.startsWith('https:')) ? `HTTPS: ${list}, by ${known}` : `${list}: this machine only`,
  );
}
