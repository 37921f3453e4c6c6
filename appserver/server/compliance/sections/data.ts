import type { FeatureFacts, ReportFacts } from '../facts.ts';
import { readFeatures } from '../derived.ts';
import { code, facts, heading, number, paragraph, table, text, type Section } from '../layout.ts';
import { markup, named, NOTHING, type Markup } from '../markup.ts';
import { bound, bytes, count, instant, percent } from '../numbers.ts';
import { leakage } from './leakage.ts';

/** Rows of the section's tables at most. */
const FEATURES_SHOWN_MAX = 150;
const LEFT_OUT_SHOWN_MAX = 100;
const WARNINGS_SHOWN_MAX = 100;
const FILES_SHOWN_MAX = 20;
const MESSAGE_CHARACTERS_MAX = 300;

/** Where the rows come from, what is known of them, and what was left out. */
export function data(report: ReportFacts): Section {
  return {
    id: 'data',
    title: 'Data',
    body: markup`${source(report)}${features(report)}${leftOut(report)}${leakage(report)}${warnings(report)}`,
  };
}

function source({ dataset, model }: ReportFacts): Markup {
  const files = table(
    'Files that the rows were read from, in the order of rows',
    dataset.files,
    [
      text('File', ({ path }) => (path === null ? 'snapshot of the platform' : named(path))),
      number('Rows', ({ rowCount }) => count(rowCount)),
      number('Size', ({ sizeBytes }) => bytes(sizeBytes)),
      text('SHA-256, or last change', ({ sha256, modifiedAt }) =>
        sha256 !== null ? code(sha256) : modifiedAt === null ? 'not recorded' : instant(modifiedAt),
      ),
    ],
    FILES_SHOWN_MAX,
  );
  return markup`${facts([
    ['Dataset', markup`${named(dataset.name)} (${code(dataset.id)})`],
    ['Source', named(dataset.source, MESSAGE_CHARACTERS_MAX)],
    ['Registered', instant(dataset.createdAt)],
    ['Rows and columns', `${count(dataset.rowCount)} rows, ${count(dataset.features.length)} columns`],
    [
      'Feature list',
      model.featureList === null ? 'none was named: what is modelled by default' : named(model.featureList),
    ],
  ])}${files}${paragraph(
    dataset.isInPlace
      ? 'The rows are read where they lie; a file that has changed since it was registered is an error, never other rows.'
      : 'The snapshot is immutable: every cell keeps its exact text, or a type that it can be had back from. How the rows were collected, whether people have consented, and whether they represent those that the model will be used on, the platform cannot know.',
  )}`;
}

function features(report: ReportFacts): Markup {
  const { task, dataset, answer } = report;
  const profiles = new Map(dataset.features.map((feature) => [feature.name, feature]));
  const read = readFeatures(report);
  const known = new Map(answer.artefact.missing.map((one) => [one.feature, one]));
  const bounds = (profile: FeatureFacts | undefined, end: 'min' | 'max'): string =>
    profile === undefined ? '–' : bound(profile[end], profile.type);
  return table(
    `Features offered to the model: ${count(task.features.length)}`,
    task.features,
    [
      text('Feature', ({ name }) => named(name)),
      text('Type', ({ name, type }) => typeOf(type, profiles.get(name))),
      text('Read', ({ name }) => (read.has(name) ? 'yes' : 'no step of it')),
      number('Missing, dataset', ({ name }) => percent((profiles.get(name)?.missingCount ?? NaN) / dataset.rowCount)),
      number('Missing, training rows', ({ name }) =>
        percent((known.get(name)?.missingCount ?? NaN) / (known.get(name)?.rowCount ?? NaN)),
      ),
      number('Different values', ({ name }) => {
        const profile = profiles.get(name);
        return `${profile?.uniqueIsEstimate === true ? '≈ ' : ''}${count(profile?.uniqueCount)}`;
      }),
      number('Least', ({ name }) => bounds(profiles.get(name), 'min')),
      number('Largest', ({ name }) => bounds(profiles.get(name), 'max')),
    ],
    FEATURES_SHOWN_MAX,
  );
}

/** The type, and what a type that a person gave had been inferred as. */
const typeOf = (type: string, profile: FeatureFacts | undefined): string =>
  profile === undefined || profile.inferredType === type ? type : `${type}, given; inferred: ${profile.inferredType}`;

/** Columns of the dataset that are no features of the model, each with why. */
function leftOut(report: ReportFacts): Markup {
  const offered = new Set(report.task.features.map(({ name }) => name));
  const columns = report.dataset.features.filter(({ name }) => !offered.has(name));
  if (columns.length === 0) return NOTHING;
  return table(
    `Columns that are no features: ${count(columns.length)}`,
    columns,
    [
      text('Column', ({ name }) => named(name)),
      text('Type', (column) => typeOf(column.type, column)),
      text('Why', (column) => whyLeftOut(column, report)),
    ],
    LEFT_OUT_SHOWN_MAX,
  );
}

/** Types that are not modelled, in words. */
const UNMODELLED: Readonly<Record<string, string>> = {
  id: 'identifies rows: a model would learn them by heart',
  constant: 'has one value in all rows',
};

function whyLeftOut(
  { name, type, missingCount }: FeatureFacts,
  { task, project, model, dataset }: ReportFacts,
): string {
  const { target, weightColumn } = task;
  const { column, dates } = project.partitioning;
  if (name === target.name) return 'is the target';
  if (name === weightColumn) return 'is the weight of rows';
  if (name === target.offsetColumn || name === target.exposureColumn) return 'is added to the raw score as it is';
  if (model.excludedForLeakage.includes(name)) return 'gives the target away (target leakage of high risk)';
  if (missingCount === dataset.rowCount) return 'is missing in every row';
  if (UNMODELLED[type] !== undefined) return UNMODELLED[type];
  if (name === column || name === dates?.series?.column) return 'parts the rows';
  return model.featureList === null
    ? 'was excluded by request'
    : 'is not in the feature list, or was excluded by request';
}

function warnings({ dataset }: ReportFacts): Markup {
  const all = [
    ...dataset.warnings.map((warning) => ({ ...warning, feature: null })),
    ...dataset.features.flatMap(({ name, warnings: own }) => own.map((warning) => ({ ...warning, feature: name }))),
  ];
  if (all.length === 0)
    return markup`${heading('Quality of the data')}${paragraph('Profiling found nothing to warn of.')}`;
  return markup`${heading('Quality of the data')}${table(
    `Warnings: ${count(all.length)}`,
    all,
    [
      text('Column', ({ feature }) => (feature === null ? 'whole dataset' : named(feature))),
      text('Code', ({ code: warningCode }) => warningCode),
      text('Found', ({ message }) => named(message, MESSAGE_CHARACTERS_MAX)),
      text('What is done about it', ({ handling }) => named(handling, MESSAGE_CHARACTERS_MAX)),
    ],
    WARNINGS_SHOWN_MAX,
  )}`;
}
