import { directionWords, metricWords, partitionName, rankedPart, rowsUsed } from '../derived.ts';
import type { ReportFacts } from '../facts.ts';
import { facts, heading, note, number, paragraph, table, text, type Section } from '../layout.ts';
import { markup, NOTHING, type Markup } from '../markup.ts';
import { count, figure, withError } from '../numbers.ts';
import { diagnosticCharts, diagnosticTables } from './diagnostics.ts';

/** How good the model is on rows that the predicting member had not seen. */
export function performance(report: ReportFacts): Section {
  const { answer, model } = report;
  const [first] = answer.predictions.insights;
  const rows = first === undefined ? '' : rowsUsed(first);
  return {
    id: 'performance',
    title: 'Performance',
    body: markup`${
      model.refitOf === null
        ? NOTHING
        : note(
            'All figures of this section are of the twin. The refit has seen every row, so nothing is left to score it on; with more rows to learn from it is expected to be at least as good, which no figure here shows.',
          )
    }${scores(report)}${byPartition(report)}${againstBaseline(report)}${heading('Diagnostics')}${paragraph(
      `Computed from stored predictions of ${rows}${answer.predictions.isWeighted ? ', by their weights' : ''}.`,
    )}<div class="charts">${answer.predictions.insights.map(({ insight }) => diagnosticCharts(insight))}</div>${answer.predictions.insights.map(({ insight }) => diagnosticTables(insight))}`,
  };
}

function scores(report: ReportFacts): Markup {
  const { model, project, answer } = report;
  const { validation, crossValidation, holdout } = model.scores;
  const ranks = project.metric;
  const all = [...new Set([validation, crossValidation, holdout].flatMap((part) => Object.keys(part ?? {})))].sort();
  const metrics = [ranks, ...all.filter((name) => name !== ranks)];
  const ranked = crossValidation === null ? 'validation' : 'crossValidation';
  const { error, holdoutError } = answer.predictions;
  const cell = (part: typeof validation, name: string, own: number | null): string =>
    name === ranks ? withError(part?.[name], own) : figure(part?.[name]);
  return markup`${paragraph(
    markup`Models are ranked by <strong>${metricWords(ranks)}</strong> (${directionWords(report)}) on the rows that rank: ${rankedPart(report)}. What follows ± is the standard error by a jackknife over ten groups of rows: what other rows of the same kind would change, not what another training sample would.`,
  )}${table('Scores', metrics, [
    text('Metric', (name) => metricWords(name)),
    number('Validation', (name) => cell(validation, name, ranked === 'validation' ? error : null)),
    number('Cross-validation', (name) => cell(crossValidation, name, ranked === 'crossValidation' ? error : null)),
    number('Holdout', (name) => cell(holdout, name, holdoutError)),
  ])}`;
}

function byPartition(report: ReportFacts): Markup {
  const { answer, project, model } = report;
  const { partitions } = answer.predictions;
  const { dates } = project.partitioning;
  const folds = partitions.filter(({ fold }) => fold !== null);
  if (folds.length < 2) return NOTHING;
  const known = folds.flatMap(({ score }) => (score === null ? [] : [score]));
  const spread = known.length < 2 ? null : deviation(known);
  return markup`${table(`${project.metric} by partition`, partitions, [
    text('Partition', ({ fold }) => partitionName(fold, report)),
    number('Rows', ({ rowCount }) => count(rowCount)),
    number(project.metric, ({ fold, score }) =>
      fold === null && model.scores.holdout === null ? 'locked' : figure(score),
    ),
  ])}${spread === null ? NOTHING : paragraph(`Standard deviation between ${dates === undefined ? 'folds' : 'backtests'}: ${figure(spread, 3)}.`)}`;
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

function againstBaseline(report: ReportFacts): Markup {
  const { answer, project } = report;
  const compared = answer.baseline;
  if (compared === null)
    return paragraph(
      'The model was not held against a baseline: its run has none beside it, or it is the baseline itself.',
    );
  const { score, otherScore, gain, noise, interval } = compared;
  const isMore = interval !== null && interval.from > 0;
  return markup`${heading('Against the baseline')}${facts([
    [`${project.metric} of the model`, figure(score)],
    [`${project.metric} of the baseline`, figure(otherScore)],
    ['Better by', withError(gain, noise)],
    ['Interval of 95 %', interval === null ? '–' : `${figure(interval.from)} to ${figure(interval.to)}`],
    ['Rows', count(compared.rowCount)],
  ])}${isMore ? paragraph('It is better than a prediction without features, by more than chance.') : note('It is not shown to be better than a prediction without features by more than chance.')}`;
}
