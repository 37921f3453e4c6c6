import { compileTrees, parseLightgbmModel, type RowEvaluator, type TreeArrays } from '#scoring';
import type { EngineDataset, EngineParameters } from './engine.ts';

/** A model being boosted, of whatever engine. Must be closed before its data set. */
export interface TreeBooster {
  /** One iteration. True when no further split could be found: the iteration counts for nothing. */
  update(): boolean;
  /** Iterations [first, first + count) of this booster's own. */
  trees(first: number, count: number): TreeArrays;
  close(): void;
}

/** Rows that are boosted on, of whatever engine. */
export interface BoostDataset extends Pick<EngineDataset, 'setInitialScores' | 'close'> {
  /** What the first iteration's leaves lack: boosting begins at these raw scores, one an output. Null where its trees have it. */
  readonly constants: readonly number[] | null;
  /** @param firstIteration of all that were made before, on this data set or, resumed, on another */
  createBooster(seed: number, firstIteration: number): TreeBooster;
  /** Sums of leaves as the engine keeps them for its training rows. */
  sums(trees: TreeArrays, columnCount: number): RowEvaluator;
}

/** @param parametersOf those of a booster with a seed */
export function lightgbmDataset(
  dataset: EngineDataset,
  parametersOf: (seed: number) => EngineParameters,
): BoostDataset {
  return {
    constants: null,
    setInitialScores: (scores) => dataset.setInitialScores(scores),
    createBooster: (seed) => {
      const booster = dataset.createBooster(parametersOf(seed));
      return {
        update: () => booster.update(),
        trees: (first, count) => parseLightgbmModel(booster.modelText(first, count)),
        close: () => booster.close(),
      };
    },
    sums: (trees, columnCount) => compileTrees(trees, columnCount).score,
    close: () => dataset.close(),
  };
}
