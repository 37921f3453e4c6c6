import { toAppError, type AppError } from '#contracts';
import type { BoostingEngine, EngineDataset, XgboostEngine } from '#ml';
import { failpoint } from '#runtime';

/** An engine with failpoints between its calls. */
export interface FailpointEngine {
  readonly engine: BoostingEngine;
  /** @throws what a failpoint between native calls threw */
  readonly rethrow: () => void;
}

/**
 * Passes `worker.bin` before a data set is made and `worker.iterate` before each iteration. Native calls are synchronous:
 * a kill acts at once, an error is thrown where the fit next waits.
 */
export function failpointEngine(engine: BoostingEngine): FailpointEngine {
  let failure: AppError | null = null;
  const pass = (name: string): void => {
    failpoint(name).catch((err: unknown) => {
      failure = toAppError(err);
    });
  };
  return {
    rethrow: () => {
      if (failure !== null) throw failure;
    },
    engine: {
      name: engine.name,
      loadModel: (modelText) => engine.loadModel(modelText),
      createDataset: (spec) => {
        pass('worker.bin');
        const dataset = engine.createDataset(spec);
        return {
          ...passingDataset(dataset, () => pass('worker.iterate')),
          push: (values, rowCount, labels, weights) => dataset.push(values, rowCount, labels, weights),
          finish: () => dataset.finish(),
        };
      },
      findBins: (spec) => engine.findBins(spec),
      readDataset: async (facts, parts) => {
        pass('worker.bin');
        return passingDataset(await engine.readDataset(facts, parts), () => pass('worker.iterate'));
      },
      xgboost: () => passingXgboost(engine.xgboost(), pass),
    },
  };
}

function passingXgboost(engine: XgboostEngine, pass: (name: string) => void): XgboostEngine {
  return {
    createDataset: (spec) => {
      pass('worker.bin');
      const dataset = engine.createDataset(spec);
      return {
        ...dataset,
        createBooster: (parameters) => {
          const booster = dataset.createBooster(parameters);
          return {
            ...booster,
            boost: (gradients, hessians) => {
              pass('worker.iterate');
              booster.boost(gradients, hessians);
            },
          };
        },
      };
    },
  };
}

function passingDataset(dataset: EngineDataset, onIteration: () => void): EngineDataset {
  return {
    setInitialScores: (scores) => dataset.setInitialScores(scores),
    close: () => dataset.close(),
    createBooster: (parameters) => {
      const booster = dataset.createBooster(parameters);
      return {
        update: () => {
          onIteration();
          return booster.update();
        },
        modelText: (first, count) => booster.modelText(first, count),
        close: () => booster.close(),
      };
    },
  };
}
