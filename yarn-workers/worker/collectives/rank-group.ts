import type { RankGroup } from '#ml';
import type { LightgbmNetwork } from '../native/lightgbm-network.ts';
import type { Group } from './join-group.ts';

/** A group as a fit sees it: what the action makes with this engine is boosted on the rows of all ranks. */
export function rankGroup(group: Group, engine: LightgbmNetwork): RankGroup {
  return {
    rank: group.rank,
    size: group.size,
    allgather: (bytes) => group.allgather(bytes),
    gather: (bytes, onWait) => group.gather(bytes, onWait),
    joined: async (action) => {
      group.install(engine);
      try {
        return await action();
      } finally {
        engine.leaveNetwork();
      }
    },
  };
}
