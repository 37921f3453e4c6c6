import type { DeploymentRecord } from '#contracts';
import type { LoadedArtifact, WantedArtifact } from '../artifacts/artifact-cache.ts';

/** Verified models of challengers in memory, beside those that are served. Touches no disk and no network. */
export interface ChallengerModels {
  /** Null where it is not here yet. */
  find(manifestSha256: string): LoadedArtifact | null;
  /** Takes what records name from `load`, and forgets what none of them names any more. */
  follow(records: readonly DeploymentRecord[], load: (wanted: WantedArtifact) => LoadedArtifact | null): void;
  /** Named by the records that were followed last, and not here. */
  wanted(): readonly WantedArtifact[];
  /** Of all that are named, whether they are here or not. */
  hashes(): readonly string[];
  /** Ignored where no record names it any more. */
  add(wanted: WantedArtifact, artifact: LoadedArtifact): void;
}

export function createChallengerModels(): ChallengerModels {
  let named = new Map<string, WantedArtifact>();
  const models = new Map<string, LoadedArtifact>();
  const wanted = () => [...named.values()].filter(({ manifestSha256 }) => !models.has(manifestSha256));
  return {
    find: (manifestSha256) => models.get(manifestSha256) ?? null,
    follow: (records, load) => {
      const all = records.flatMap(({ challengers = [] }) => challengers);
      named = new Map(all.map((challenger) => [challenger.manifestSha256, challenger]));
      for (const hash of models.keys()) if (!named.has(hash)) models.delete(hash);
      for (const challenger of wanted()) {
        const artifact = load(challenger);
        if (artifact !== null) models.set(challenger.manifestSha256, artifact);
      }
    },
    wanted,
    hashes: () => [...named.keys()],
    add: ({ manifestSha256 }, artifact) => {
      if (named.has(manifestSha256)) models.set(manifestSha256, artifact);
    },
  };
}
