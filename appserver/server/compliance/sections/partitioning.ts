import type { Partitioning } from '#contracts';
import { partitionName } from '../derived.ts';
import type { ReportFacts } from '../facts.ts';
import { facts, note, number, paragraph, table, text, type Section } from '../layout.ts';
import { markup, named, NOTHING, type Markup } from '../markup.ts';
import { count, instant, percent } from '../numbers.ts';

/** Which rows taught and which judged. */
export function partitioning(report: ReportFacts): Section {
  const { project } = report;
  const { dates } = project.partitioning;
  return {
    id: 'partitioning',
    title: 'Partitioning of the rows',
    body: markup`${paragraph(dealt(project.partitioning))}${
      dates === undefined ? NOTHING : backtests(dates)
    }${heldBack(report)}${holdout(report)}`,
  };
}

function dealt({
  method,
  validation,
  folds,
  validationFraction,
  holdoutFraction,
  column,
  seed,
  dates,
  duplicates,
}: Partitioning): Markup {
  const key = column === null ? markup`a column` : named(column);
  const methods = {
    random: markup`Rows were dealt at random, by a hash of seed ${String(seed)} and row number.`,
    stratified: markup`Rows were dealt at random within each class, by a hash of seed ${String(seed)} and row number, so that each partition has the classes in the same shares.`,
    group: markup`Rows were dealt by groups: those of one value of ${key} are always in one partition (seed ${String(seed)}).`,
    column: markup`The column ${key} says of each row which partition it is in.`,
    date: markup`Nothing was dealt: rows are parted by the date ${key}, and what comes later is predicted from what came before.`,
  };
  const shares =
    dates !== undefined || method === 'column'
      ? NOTHING
      : validation === 'cv'
        ? markup` ${percent(holdoutFraction)} of the rows are the holdout; the others are parted into ${String(folds)} folds, each predicted by a member that was fitted on the other folds.`
        : markup` ${percent(holdoutFraction)} of the rows are the holdout, ${percent(validationFraction)} the validation rows; the others are trained on.`;
  const together =
    duplicates === undefined
      ? NOTHING
      : markup` Rows that are equal in all of ${String(duplicates.features.length)} features, whatever their target, were dealt to one partition together.`;
  return markup`${methods[method]}${together}${shares} Whatever learns from rows (levels, encodings, scales, words) is fitted within each fold on its training rows only. The partitions are the same for all models of the project.`;
}

function backtests({
  backtests: all,
  gapSeconds,
  window,
  holdout: last,
  series,
  unusedRowCount,
}: NonNullable<Partitioning['dates']>): Markup {
  const span = ({ from, until }: { readonly from: string; readonly until: string | null }): string =>
    `${instant(from)} to ${until === null ? 'the last row' : instant(until)}`;
  const windows = [
    ...all.map(({ training, validation }, index) => ({ name: `Backtest ${index + 1}`, training, validation })),
    ...(last === null ? [] : [{ name: 'Holdout', training: null, validation: last }]),
  ];
  return markup`${facts([
    [
      'Gap before what is predicted',
      gapSeconds === 0 ? 'none' : `${count(gapSeconds)} s (${count(Math.round(gapSeconds / 8640) / 10)} days)`,
    ],
    [
      'Training window',
      window === 'expanding' ? 'expanding: all rows before it' : 'rolling: as long a time as the first',
    ],
    ['Rows in no partition (gaps)', count(unusedRowCount)],
    series === undefined
      ? null
      : ['Series', series.column === null ? 'all rows are one' : markup`one a value of ${named(series.column)}`],
    series === undefined ? null : ['Season', series.season ?? 'none'],
  ])}${table('Windows of time, the end exclusive', windows, [
    text('', ({ name }) => name),
    text('Trained on', ({ training }) => (training === null ? 'as the last backtest' : span(training))),
    number('Rows', ({ training }) => count(training?.rowCount)),
    text('Predicted', ({ validation }) => span(validation)),
    number('Rows', ({ validation }) => count(validation.rowCount)),
  ])}`;
}

/** How many rows each partition has, by the predictions that are stored of them. */
function heldBack(report: ReportFacts): Markup {
  const { answer, model } = report;
  const { partitions } = answer.predictions;
  return markup`${table('Rows that were held back and predicted', partitions, [
    text('Partition', ({ fold }) => partitionName(fold, report)),
    number('Rows', ({ rowCount }) => count(rowCount)),
  ])}${
    model.refitOf === null
      ? NOTHING
      : note(
          'These are the partitions of the twin. The model itself was fitted on all rows, those of the holdout and of gaps included.',
        )
  }`;
}

function holdout({ project, answer }: ReportFacts): Markup {
  if (!answer.predictions.partitions.some(({ fold }) => fold === null))
    return note(
      'There is no holdout: every row took part in choosing among models, so no score of this report is free of that choice.',
    );
  return project.holdoutUnlockedAt === null
    ? note('The holdout is locked: its scores are hidden here and everywhere, and have chosen nothing.')
    : paragraph(
        `The holdout was unlocked at ${instant(project.holdoutUnlockedAt)}. What was chosen after that may have been chosen by it.`,
      );
}
