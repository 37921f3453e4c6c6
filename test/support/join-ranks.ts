/** How ranks of a bench or a test, processes of one host, meet: by files of a folder instead of an app server. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { RankAddress } from '#contracts';
import type { RankGroup } from '#ml';
import { issueGroupCertificates, type RankCertificate } from '#runtime';
import { joinGroup } from '../../yarn-workers/worker/collectives/join-group.ts';
import { rankGroup } from '../../yarn-workers/worker/collectives/rank-group.ts';
import type { LightgbmNetwork } from '../../yarn-workers/worker/native/lightgbm-network.ts';

const HOST = '127.0.0.1';
const GROUP_ID = 'bench';

/** A rank of so many, which meet in a folder that is empty at first. */
export interface RankOptions {
  readonly rank: number;
  readonly size: number;
  readonly folder: string;
}

/** Meets the others; the process ends with the group, which is never left. */
export async function joinRanks(engine: LightgbmNetwork, { rank, size, folder }: RankOptions): Promise<RankGroup> {
  const place = (name: string): string => path.join(folder, name);
  const put = (name: string, value: unknown): void => {
    writeFileSync(place(`${name}.part`), JSON.stringify(value));
    renameSync(place(`${name}.part`), place(name));
  };
  const take = async (name: string): Promise<unknown> => {
    while (!existsSync(place(name))) await pause(50);
    return JSON.parse(readFileSync(place(name), 'utf8')) as unknown;
  };
  if (rank === 0)
    put('certificates', issueGroupCertificates({ groupId: GROUP_ID, size, now: Date.now(), validMs: 86_400_000 }));
  const certificates = ((await take('certificates')) as RankCertificate[])[rank]; // put above
  if (certificates === undefined) throw new Error(`no certificate for rank ${rank} of ${size}`);
  const group = await joinGroup({
    ...{ rank, size, groupId: GROUP_ID, epoch: 1, certificates, listenHost: HOST },
    peers: async (port) => {
      put(`address-${rank}`, { host: HOST, port });
      const names = Array.from({ length: size }, (_, peer) => `address-${peer}`);
      return (await Promise.all(names.map(take))) as RankAddress[]; // put by each rank
    },
    onFailure: (err) => console.error(err.message),
  });
  return rankGroup(group, engine);
}
