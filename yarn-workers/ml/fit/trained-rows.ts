import type { TrainTask } from '#contracts';
import { hasManyClasses } from '../blueprints/many-classes.ts';
import { drawer } from './down-sample.ts';
import { sampler } from './row-roles.ts';
import { fittedFraction, heldFraction } from './sample-fraction.ts';

/** Rows that a model was fitted on, at least and at most. */
export interface TrainedRowCount {
  readonly least: number;
  readonly most: number;
}

/**
 * Counts the rows that the whole model was fitted on: of a refit all, else those outside the holdout and of some
 * partition. Which rows of a table are in gaps is not known here, nor which are of small classes that a sample keeps, so of a sample
 * the number is not either; nor of which class a row is that trains only, so whether down-sampling has drawn it. Nor is known whether
 * there was time for passes over rows that a model does not hold.
 */
export class TrainedRows {
  readonly #task: TrainTask;
  readonly #isSampled: ((row: number) => boolean) | null;
  readonly #isHeld: ((row: number) => boolean) | null;
  readonly #isDrawn: (row: number, factor: number) => boolean;
  readonly #factors: readonly number[] | null;
  readonly #keepsSmallClasses: boolean;
  #least = 0;
  #most = 0;

  constructor(task: TrainTask) {
    this.#task = task;
    this.#isSampled = sampler({ seed: task.seed, sampleFraction: fittedFraction(task) });
    this.#isHeld = sampler({ seed: task.seed, sampleFraction: heldFraction(task) });
    this.#isDrawn = drawer(task);
    this.#factors = task.imbalance?.method === 'downsampling' ? task.imbalance.factors : null;
    this.#keepsSmallClasses = this.#isSampled !== null && hasManyClasses(task.target);
  }

  /**
   * A row outside the holdout.
   *
   * @param classIndex -1 where it is not known
   */
  add(row: number, classIndex: number): void {
    const isSampled = this.#isSampled === null || this.#isSampled(row);
    const isHeld = this.#isHeld === null || this.#isHeld(row);
    const factors = this.#factors;
    const isSurely = factors === null || this.#isDrawn(row, factors[classIndex] ?? Math.min(...factors));
    const isMaybe = factors === null || this.#isDrawn(row, factors[classIndex] ?? 1);
    if (isHeld && isSurely) this.#least += 1;
    if ((this.#keepsSmallClasses || isSampled) && isMaybe) this.#most += 1;
  }

  /** @param isRefit of all rows, those in gaps too */
  counts(isRefit: boolean): TrainedRowCount {
    const unused = isRefit ? 0 : (this.#task.partitioning.dates?.unusedRowCount ?? 0);
    return { least: this.#least - unused, most: this.#isSampled === null ? this.#most - unused : this.#most };
  }
}

/** Of a refit. */
export function refittedRowCount(task: TrainTask): TrainedRowCount {
  const trained = new TrainedRows(task);
  for (let row = 0; row < task.table.rowCount; row += 1) trained.add(row, -1);
  return trained.counts(true);
}
