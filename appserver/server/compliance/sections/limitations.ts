import { byDisparity, hasStep, insightOf, readFeatures } from '../derived.ts';
import type { ReportFacts } from '../facts.ts';
import { list, paragraph, type Section } from '../layout.ts';
import { markup, named, names, type Markup } from '../markup.ts';
import { count, figure, percent } from '../numbers.ts';

/** Below so many rows a class is small, and a table too. */
const CLASS_ROWS_FEW = 50;
const TABLE_ROWS_FEW = 1_000;
/** Share of the largest class from which on classes are out of balance. */
const IMBALANCE = 0.9;
const NAMED_MAX = 10;

/** What does not follow from this model: statements that are true of it, each derived from what is recorded. */
export function limitations(report: ReportFacts): Section {
  const found = [...ofScores(report), ...ofRows(report), ...ofModel(report), ...ofTime(report), ...ofInsights(report)];
  return {
    id: 'limitations',
    title: 'Limitations',
    body: markup`${paragraph('Derived from what is recorded of this model; each is true of it. What is not here may still limit it.')}${list(found)}`,
  };
}

type Statements = readonly Markup[];
const when = (condition: boolean, statement: Markup): Statements => (condition ? [statement] : []);

function ofScores({ model, project, run, answer, peers }: ReportFacts): Statements {
  const ranked = peers.filter(({ state, role }) => state === 'ready' && role === 'search').length;
  const hasHoldout = answer.predictions.partitions.some(({ fold }) => fold === null);
  return [
    ...when(
      model.refitOf !== null,
      markup`The model has seen every row, so it has no score of its own: those in this report are its twin’s.`,
    ),
    ...when(
      ranked > 1,
      markup`${count(ranked)} models were compared on the same rows; the score of the best of them is flattered a little by having been picked.`,
    ),
    ...when(!hasHoldout, markup`There is no holdout, so no score is free of the choice among models.`),
    ...when(
      hasHoldout && project.holdoutUnlockedAt === null,
      markup`The holdout is locked; the score that would be free of the choice among models is not known yet.`,
    ),
    ...when(
      project.partitioning.dates?.series !== undefined,
      markup`Standard errors take rows as independent, which in a series they are not: they are too small.`,
    ),
    ...when(answer.predictions.error === null, markup`The standard error of the score could not be computed.`),
    ...when(
      run !== null && run.plan.timeBudgetMs !== null,
      markup`The search had a time budget: with more time another model might have been found.`,
    ),
  ];
}

function ofRows({ task, dataset, model, project, answer, run }: ReportFacts): Statements {
  const { classes } = task.target;
  const few = classes.filter(({ rowCount }) => rowCount < CLASS_ROWS_FEW);
  const total = classes.reduce((sum, { rowCount }) => sum + rowCount, 0);
  const largest = classes.toSorted((a, b) => b.rowCount - a.rowCount)[0];
  const dates = task.features.filter(({ type }) => type === 'date').map(({ name }) => name);
  const moderate = (run?.leakage?.findings ?? []).filter(({ risk }) => risk === 'moderate').length;
  const copies = run?.leakage?.duplicates?.isCopied === true ? run.leakage.duplicates.validation : null;
  const groups = (run?.leakage?.groups ?? []).map(({ column }) => column);
  const isDealt = project.partitioning.method === 'random' || project.partitioning.method === 'stratified';
  return [
    ...when(
      dataset.rowCount < TABLE_ROWS_FEW,
      markup`The dataset has ${count(dataset.rowCount)} rows: all figures vary much from sample to sample.`,
    ),
    ...when(
      few.length > 0,
      markup`${count(few.length)} classes have fewer than ${count(CLASS_ROWS_FEW)} rows (${names(
        few.map(({ label }) => label),
        NAMED_MAX,
      )}); scores of these alone mean little.`,
    ),
    ...when(
      largest !== undefined && largest.rowCount / total > IMBALANCE,
      markup`The class ${named(largest?.label ?? '')} has ${percent((largest?.rowCount ?? 0) / total)} of the rows: accuracy says little, and probabilities of the others are small.`,
    ),
    ...when(
      model.sampleFraction < 1,
      markup`The model was fitted on ${percent(model.sampleFraction)} of the training rows.`,
    ),
    ...when(
      isDealt && dates.length > 0,
      markup`Rows were dealt at random although they have dates (${names(dates, NAMED_MAX)}): scores say how rows of the same times are predicted, not those of later ones.`,
    ),
    ...when(
      isDealt,
      markup`If several rows are about the same person, place or thing, random partitions let a model know its own test rows; partition by that column then.`,
    ),
    ...when(moderate > 0, markup`${count(moderate)} findings of moderate target leakage were told and kept.`),
    ...when(
      copies !== null,
      markup`More rows equal each other than chance explains, ${percent((copies?.twinCount ?? NaN) / (copies?.rowCount ?? NaN))} of the validation rows one that was trained on: scores promise more than new rows will get.`,
    ),
    ...when(
      groups.length > 0,
      markup`Other rows of a group tell the target (${names(groups, NAMED_MAX)}): of new groups scores promise too much.`,
    ),
    ...when(
      run?.plan.leakage === undefined || run.plan.leakage.skipped !== null,
      markup`No search for target leakage belongs to this model.`,
    ),
    ...when(answer.predictions.isWeighted, markup`Scores are by weight: rows of weight 0 count nothing.`),
  ];
}

function ofModel(report: ReportFacts): Statements {
  const { model, task, answer } = report;
  const kinds = new Set(answer.artefact.members.map(({ kind }) => kind));
  const read = readFeatures(report);
  const unread = task.features.filter(({ name }) => !read.has(name)).map(({ name }) => name);
  const { targetType } = task.target;
  const hasTrees = kinds.has('trees') || kinds.has('forest');
  const stops = answer.artefact.parameters['stoppedAt'];
  const wasStopped = typeof stops === 'object' && stops !== null && Object.keys(stops).length > 0;
  return [
    ...when(
      model.family === 'baseline' && answer.artefact.steps.length === 0,
      markup`The model reads no feature: it predicts the same for every row.`,
    ),
    ...when(
      targetType === 'regression' && hasTrees,
      markup`Trees predict nothing beyond the values that they have seen: no trend goes on outside the range of the training rows.`,
    ),
    ...when(
      kinds.has('linear') || kinds.has('factorization-machine'),
      markup`Linear parts go on beyond the range of the training rows by at most as much again as that range.`,
    ),
    ...when(
      kinds.has('linear-trees'),
      markup`Linear leaves go on beyond the range of the training rows as lines, however far.`,
    ),
    ...when(
      kinds.has('factorization-machine'),
      markup`Products of vectors say of a pair of levels that no training row has together what each of them says with others.`,
    ),
    ...when(
      kinds.has('network'),
      markup`A network reads a number beyond the range of the training rows as the end of that range.`,
    ),
    ...when(
      kinds.has('network'),
      markup`No feature adds a part of its own to what a network says: each acts together with all others. Contributions are exact Shapley values of features taken as independent, so they begin from a base value that is not the mean score where features go together.`,
    ),
    ...when(unread.length > 0, markup`No step of the model reads these of its features: ${names(unread, NAMED_MAX)}.`),
    ...when(
      hasStep(report, 'category-codes') || hasStep(report, 'category-numbers'),
      markup`A level of a category that no training row had is read as unseen: the model knows nothing of it, and says nothing of it either.`,
    ),
    ...when(
      hasStep(report, 'text-scores'),
      markup`Texts are read by words and runs of characters; their order beyond short runs, and their meaning, are not seen.`,
    ),
    ...when(
      targetType === 'binary' && answer.artefact.calibration === null,
      markup`Probabilities are not calibrated: for this model calibration was not tried, or did not improve log loss by more than its standard error.`,
    ),
    ...when(
      answer.artefact.calibration !== null,
      markup`Probabilities are calibrated on held-back rows of this dataset; where the share of the positive class changes they are wrong again.`,
    ),
    ...when(targetType === 'multiclass', markup`Probabilities of several classes are not calibrated.`),
    ...when(
      task.target.quantile !== undefined,
      markup`A quantile is predicted by itself: that quantiles of several models do not cross is not seen to.`,
    ),
    ...when(
      wasStopped,
      markup`A deadline ended a part of the fit before it had converged or stopped by itself; where is under “How to make it again”.`,
    ),
  ];
}

function ofTime(report: ReportFacts): Statements {
  const { project } = report;
  const isSeries = hasStep(report, 'series-history') || report.model.blueprintId.startsWith('naive-');
  return [
    ...when(
      isSeries,
      markup`The model ages: what happens after its training rows it never learns. Refit it when there are new rows.`,
    ),
    ...when(
      project.partitioning.dates !== undefined,
      markup`Scores are for forecasts as far ahead as the backtests are long; farther ones may be worse.`,
    ),
    markup`Whether tomorrow’s rows are like these nobody knows: watch drift and actuals once the model is deployed.`,
  ];
}

function ofInsights(report: ReportFacts): Statements {
  const impact = insightOf(report, 'feature-impact');
  const segments = insightOf(report, 'segments');
  const [worst] = byDisparity(segments?.insight.features ?? []);
  const difference = worst?.disparities?.selectedDifference ?? 0;
  return [
    ...when(
      impact !== null && impact.insight.groups.length > 0,
      markup`Some features say much the same and cover for each other: the impact of each alone understates them.`,
    ),
    ...when(
      segments === null,
      markup`Nothing is known of how the model treats groups of rows or people: segments were not computed.`,
    ),
    ...when(
      difference > 0,
      markup`Rates of selection differ most between groups of ${named(worst?.feature ?? '')}: by ${figure(100 * difference, 3)} percentage points.`,
    ),
    markup`Impact, effects, coefficients and explanations say what the model does, not what would happen if somebody changed a feature.`,
  ];
}
