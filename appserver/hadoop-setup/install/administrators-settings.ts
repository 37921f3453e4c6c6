import os from 'node:os';
import type { SetupCluster } from '../cluster.ts';
import type { Places } from '../places.ts';

/** What somebody has to write into files after an installation. */
export interface AdministratorsSettings {
  /** Keys of `conf/trainyard.json`. */
  readonly trainyard: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Properties of `core-site.xml` of NameNodes and ResourceManagers; GROUP is one of the end users. */
  readonly coreSite: Readonly<Record<string, string>>;
}

/** By the configuration that the installer ran with. */
export function settingsFor({ config, settings, serviceUser }: SetupCluster, places: Places): AdministratorsSettings {
  const { hadoop, yarn } = config;
  const login =
    settings.security === 'kerberos'
      ? { principal: hadoop.principal, keytab: hadoop.keytab, caFile: hadoop.caFile }
      : { user: hadoop.user };
  return {
    trainyard: {
      compute: { driver: 'yarn' },
      hadoop: {
        confDir: settings.folder,
        ...withoutEmpty(login),
        ...(hadoop.webHdfsUrls.length === 0 ? {} : { webHdfsUrls: hadoop.webHdfsUrls }),
      },
      objectStore: { driver: 'hdfs', root: places.objects ?? '/trainyard/objects' },
      yarn: { queue: yarn.queue, runtimeDir: places.runtime },
    },
    coreSite: {
      [`hadoop.proxyuser.${serviceUser}.hosts`]: os.hostname(),
      [`hadoop.proxyuser.${serviceUser}.groups`]: 'GROUP',
    },
  };
}

function withoutEmpty(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));
}
