import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder } from '../cache.ts';
import type { HadoopCluster, Shape } from '../../../test/support/hadoop/index.ts';
import { isAlive, processOf, type ProcessEntry } from '../../../test/support/processes.ts';

/** What is known of the one development cluster of a shape. `holder` is the process whose life it shares. */
export interface ClusterState {
  readonly holder: ProcessEntry;
  /** Missing while it starts. */
  readonly cluster?: ClusterFacts;
}

/** What a person needs to use the cluster. */
export type ClusterFacts = Pick<
  HadoopCluster,
  'hadoopVersion' | 'confDir' | 'nameNodeUrls' | 'resourceManagerUrls' | 'nodeManagerUrls'
> & { readonly security?: Omit<NonNullable<HadoopCluster['security']>, 'keytab'> };

/** How a shape is called in sentences. */
export const SHAPE_NAMES: Readonly<Record<Shape, string>> = {
  plain: 'plain',
  secured: 'secured',
  ha: 'highly available',
};

/** Where the cluster of a shape and what is known of it lie. */
export interface Places {
  readonly folder: string;
  readonly stateFile: string;
  readonly holderLog: string;
  /** The cluster's own folder; the same at every start, so that it can stand in a person's settings. */
  readonly clusterFolder: string;
}

export function placesOf(shape: Shape): Places {
  const folder = path.join(cacheFolder(), 'dev-cluster', shape);
  return {
    folder,
    stateFile: path.join(folder, 'state.json'),
    holderLog: path.join(folder, 'holder.log'),
    clusterFolder: path.join(folder, 'cluster'),
  };
}

/** Null when no cluster of the shape runs or starts, whatever an ended one has left. */
export function readState(shape: Shape): ClusterState | null {
  const { stateFile } = placesOf(shape);
  if (!existsSync(stateFile)) return null;
  const state = JSON.parse(readFileSync(stateFile, 'utf8')) as ClusterState; // only this file writes it
  return isAlive(state.holder) ? state : null;
}

/** Of a cluster that begins to start. @throws Error when another one has begun */
export function createState(shape: Shape, state: ClusterState): void {
  const { folder, stateFile } = placesOf(shape);
  mkdirSync(folder, { recursive: true });
  writeFileSync(stateFile, JSON.stringify(state, null, 2), { flag: 'wx' });
}

/** Whole or not at all: `status` may read at the same time. */
export function replaceState(shape: Shape, state: ClusterState): void {
  const { stateFile } = placesOf(shape);
  writeFileSync(`${stateFile}.new`, JSON.stringify(state, null, 2));
  renameSync(`${stateFile}.new`, stateFile);
}

export function removeState(shape: Shape): void {
  rmSync(placesOf(shape).stateFile, { force: true });
}

/** The process with this pid, which must run. */
export function holderOf(pid: number | undefined): ProcessEntry {
  const entry = pid === undefined ? null : processOf(pid);
  if (entry === null) throw new Error('the process that holds the cluster ended at once');
  return entry;
}
