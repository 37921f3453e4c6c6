import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { BinStore } from '#ml';
import { FileObjectStore, binsFolder } from '#object-store';
import { binObjects } from '../../yarn-workers/worker/child/bin-objects.ts';

/** A place for the bins of a project in a local folder. */
export function localBins(program = '1.0.0') {
  const root = mkdtempSync(path.join(os.tmpdir(), 'trainyard-bins-'));
  const objects = new FileObjectStore(root);
  const folder = binsFolder('project', 'alice');
  const bins: BinStore = binObjects(objects, folder, program);
  return {
    ...{ root, objects, folder, bins },
    /** Names of all objects, without the folder. */
    names: async (): Promise<string[]> =>
      (await Array.fromAsync(objects.list(folder))).map((object) => object.path.slice(folder.length + 1)),
  };
}
