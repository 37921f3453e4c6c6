import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** A configuration file of Hadoop, without `.xml`. */
export type SiteName =
  | 'core-site'
  | 'hdfs-site'
  | 'yarn-site'
  | 'capacity-scheduler'
  | 'kms-site'
  | 'kms-acls'
  | 'httpfs-site'
  | 'ssl-server'
  | 'ssl-client';

/** Properties of one file. */
export type Properties = Readonly<Record<string, string>>;

/** Properties by file. */
export type Sites = Readonly<Partial<Record<SiteName, Properties>>>;

/** Later ones win, property by property. */
export function mergeSites(...all: readonly Sites[]): Sites {
  const merged: Partial<Record<SiteName, Properties>> = {};
  for (const sites of all) {
    for (const [name, properties] of Object.entries(sites) as [SiteName, Properties][]) {
      merged[name] = { ...merged[name], ...properties }; // the keys of Sites are SiteNames
    }
  }
  return merged;
}

/** Writes `<name>.xml` files into a configuration folder. */
export async function writeSites(folder: string, sites: Sites): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, properties] of Object.entries(sites)) {
    await writeFile(path.join(folder, `${name}.xml`), siteXml(properties));
  }
}

function siteXml(properties: Properties): string {
  const lines = Object.entries(properties).map(
    ([name, value]) => `  <property><name>${escape(name)}</name><value>${escape(value)}</value></property>`,
  );
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<configuration>', ...lines, '</configuration>', ''].join('\n');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
