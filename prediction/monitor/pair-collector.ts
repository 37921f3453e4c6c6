import type { PairKey, PredictionPair } from '#store';
import type { TelemetryEvent, ToldOutcome } from '#telemetry';

/** What challengers predicted beside their champions, by both. */
export interface PairCollector {
  /** An event of a challenger. */
  add(event: TelemetryEvent, epoch: string): void;
  /** In the order of their keys. */
  pairs(): { readonly key: PairKey; readonly pairs: readonly PredictionPair[] }[];
}

export function createPairCollector(): PairCollector {
  const found = new Map<string, { readonly key: PairKey; readonly pairs: PredictionPair[] }>();
  return {
    add: (event, epoch) => {
      const { schema, number, timeMs, associationId, champion } = event;
      if (schema.champion === undefined || champion === null) return;
      const key = {
        deploymentId: schema.deploymentId,
        championId: schema.champion.modelId,
        challengerId: schema.modelId,
      };
      const text = `${key.deploymentId} ${key.championId} ${key.challengerId}`;
      const kept = found.get(text) ?? { key, pairs: [] };
      found.set(text, kept);
      const outcomes = { champion: dataOf(champion), challenger: dataOf(event) };
      kept.pairs.push({ epoch, number, timeMs, associationId, ...outcomes });
    },
    pairs: () => [...found.keys()].sort().flatMap((text) => found.get(text) ?? []),
  };
}

/** As `PairOutcome` of `#statistics` has it: a number, or the class and its probabilities. */
const dataOf = ({ value, classIndex, probabilities }: ToldOutcome): unknown =>
  value ?? { classIndex, probabilities: [...probabilities] };
