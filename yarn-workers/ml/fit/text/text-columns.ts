import type { Block } from '../linear/design.ts';
import { termColumns, type MemberText } from './member-text.ts';

/** How a text becomes columns of a design: one a term, and an indicator where training rows miss the text. */
export interface TextPlan {
  readonly kind: 'text';
  readonly text: MemberText;
  readonly hasMissing: boolean;
  /** Weight of the training rows that miss it. */
  readonly missingShare: number;
  /** Weighted mean over the training rows of each term's column. */
  readonly termMeans: Float64Array;
}

/**
 * @param rows of the table that train
 * @param weights of these rows, summing up to 1
 * @param isFirst of the feature's plans: it alone has the indicator
 */
export function planText(text: MemberText, rows: Int32Array, weights: Float64Array, isFirst: boolean): TextPlan {
  const { rows: held, isMissing } = text.corpus;
  let missingShare = 0;
  for (const [index, row] of rows.entries())
    if (isMissing[held.placeOf(row)] === 1) missingShare += weights[index] ?? 0;
  const { offsets, rows: entryRows, values } = termColumns(text, rows);
  const termMeans = new Float64Array(text.terms.length);
  for (let term = 0; term < termMeans.length; term += 1) {
    let sum = 0;
    for (let entry = offsets[term] ?? 0; entry < (offsets[term + 1] ?? 0); entry += 1)
      sum += (values[entry] ?? 0) * (weights[entryRows[entry] ?? 0] ?? 0);
    termMeans[term] = sum;
  }
  return { kind: 'text', text, hasMissing: isFirst && missingShare > 0, missingShare, termMeans };
}

/** The blocks of a text in some rows of the table: its terms, and the indicator. */
export function textBlocks({ text, hasMissing }: TextPlan, rows: Int32Array): Block[] {
  const { rows: held, isMissing } = text.corpus;
  const terms: Block = {
    levelCount: text.terms.length,
    codes: null,
    values: null,
    sparse: termColumns(text, rows),
    sign: 0,
    isComplete: false,
  };
  if (!hasMissing) return [terms];
  const values = Float32Array.from(rows, (row) => isMissing[held.placeOf(row)] ?? 0);
  return [terms, { levelCount: 1, codes: null, values, sparse: null, sign: 0, isComplete: false }];
}
