import type { ParseRule, StorageType } from '#contracts';

/** How one column is written: SQL over the source's column, and what is recorded about it. */
export interface ColumnPlan {
  readonly position: number;
  readonly storage: StorageType;
  readonly parse: ParseRule;
  /** SQL of `c<position>`. */
  readonly value: string;
  /** SQL of the float64 twin `v<position>`, or null. */
  readonly twin: string | null;
}
