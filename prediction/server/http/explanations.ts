import { AppError, EXPLANATION_FEATURES_MAX } from '#contracts';
import {
  explainedOutput,
  explanationCells,
  explanationOf,
  outputLabel,
  type RowPrediction,
  type Scorer,
} from '#scoring';
import { countAsked } from './asked.ts';
import { csvCell } from '#runtime';

const PARAMETER = 'explanations';
/** Contributions that one answer names: some 12 MB of JSON. */
const CONTRIBUTIONS_MAX = 200_000;

/** How many features each explanation is to name, by `?explanations=N`; 0 where it is not asked for. @throws see {@link countAsked} */
export const explanationsAsked = (query: string): number => countAsked(query, PARAMETER, EXPLANATION_FEATURES_MAX);

/** @throws TOO_MANY_ROWS where the explanations of all rows would be too large for one answer */
export function checkExplanations(
  scorer: Pick<Scorer, 'outputCount' | 'explainer'>,
  rowCount: number,
  top: number,
): void {
  const { features } = scorer.explainer();
  const each = scorer.outputCount * Math.min(top, features.length);
  if (rowCount * each <= CONTRIBUTIONS_MAX) return;
  const shape = scorer.outputCount === 1 ? '' : ` of each of ${scorer.outputCount} classes`;
  throw new AppError(
    'TOO_MANY_ROWS',
    `${rowCount} rows with ${Math.min(top, features.length)} explanations${shape} name ${rowCount * each} contributions, at most ${CONTRIBUTIONS_MAX}; send at most ${Math.floor(CONTRIBUTIONS_MAX / each)} rows in one request, or ask for fewer`,
  );
}

/** JSON text of a row's explanations: one entry, of a multiclass model one each class in class order. */
export function explanationsJson(scorer: Scorer, prediction: RowPrediction, top: number): string {
  const { content } = scorer.manifest;
  const entries = Array.from({ length: scorer.outputCount }, (_, output) => {
    const label = outputLabel(content, output);
    return { ...(label === null ? {} : { label }), ...explanationOf(scorer.explainer(), prediction, output, top) };
  });
  return JSON.stringify(entries);
}

/** The cells that `explanationColumns` names, each after a comma. */
export function explanationsCsv(scorer: Scorer, prediction: RowPrediction, top: number): string {
  const output = explainedOutput(scorer.manifest.content, prediction.classIndex);
  const cells = explanationCells(explanationOf(scorer.explainer(), prediction, output, top), top);
  return cells
    .map((cell) => `,${cell === null ? '' : typeof cell === 'string' ? csvCell(cell) : String(cell)}`)
    .join('');
}
