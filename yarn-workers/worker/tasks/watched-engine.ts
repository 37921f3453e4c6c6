import { toAppError, type AppError, type TaskProgress } from '#contracts';
import type { BoostingEngine, EngineBooster, EngineDataset } from '#ml';
import { failpoint } from '#runtime';
import type { Reporter } from '../child/progress.ts';

/** An engine that says how far it is, with what of it concerns the code around it. */
export interface WatchedEngine {
  readonly engine: BoostingEngine;
  /** Newest progress of the fit around the engine: iterations are told with its fraction and phase. */
  report(progress: TaskProgress): void;
  /** @throws what a failpoint between native calls threw */
  rethrow(): void;
}

/**
 * Wraps an engine so that each boosting iteration is told to the supervisor, although many of them are made without
 * a turn of the event loop: a small message on an empty channel is written at once.
 */
export function watchedEngine(engine: BoostingEngine, reporter: Reporter): WatchedEngine {
  let latest: TaskProgress = { fraction: 0, phase: 'starting', message: '', iteration: null };
  let failure: AppError | null = null;
  // Native calls are synchronous. A kill acts at once; an error is thrown where the fit next waits.
  const passSync = (name: string): void => {
    failpoint(name).catch((err: unknown) => {
      failure = toAppError(err);
    });
  };
  return {
    report: (progress) => {
      latest = progress;
      reporter.progress(progress);
    },
    rethrow: () => {
      if (failure !== null) throw failure;
    },
    engine: {
      name: engine.name,
      loadModel: (modelText) => engine.loadModel(modelText),
      createDataset: (spec) => {
        passSync('worker.bin');
        return watchedDataset(engine.createDataset(spec), (iteration) => {
          passSync('worker.iterate');
          reporter.progress({ ...latest, iteration });
        });
      },
    },
  };
}

function watchedDataset(dataset: EngineDataset, onIteration: (iteration: number) => void): EngineDataset {
  // Iterations of one data set: a fit may go through several boosters on it.
  let iteration = 0;
  return {
    push: (values, rowCount, labels, weights) => dataset.push(values, rowCount, labels, weights),
    finish: () => dataset.finish(),
    setInitialScores: (scores) => dataset.setInitialScores(scores),
    close: () => dataset.close(),
    createBooster: (parameters): EngineBooster => {
      const booster = dataset.createBooster(parameters);
      return {
        update: () => {
          onIteration((iteration += 1));
          return booster.update();
        },
        modelText: (first, count) => booster.modelText(first, count),
        close: () => booster.close(),
      };
    },
  };
}
