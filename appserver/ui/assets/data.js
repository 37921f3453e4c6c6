// What is known of a project's data: what gives the target away, warnings with what is done about each, features with their types, and the
// feature lists to choose from.

import { folded, get, make, number, show, table } from './dom.js';
import { featuresOf as featuresOfDataset } from './features.js';

/** Features of a list that are named; the others are counted. */
const FEATURES_SHOWN = 20;

const featuresOf = ({ features }) =>
  features.length > FEATURES_SHOWN
    ? `${features.slice(0, FEATURES_SHOWN).join(', ')} and ${number(features.length - FEATURES_SHOWN)} more`
    : features.join(', ');

/** A share of less than a hundredth of a percent is told as that: what chance gives may be next to nothing. */
function percent(part, whole) {
  const share = whole === 0 ? 0 : (100 * part) / whole;
  return share > 0 && share < 0.01 ? 'less than 0.01 %' : `${number(share)} %`;
}

/** Equal rows that are more than chance explains. */
function duplicatesOf({ duplicates }) {
  if (duplicates === undefined || !duplicates.isCopied) return [];
  const { rowCount, twinCount, noise, validation, holdout, expectedShare } = duplicates;
  const about = noise === 0 ? '' : ` (± ${percent(noise, 1)})`;
  return [
    make(
      'p',
      { className: 'error' },
      `Scores promise more than new rows will get: ${number(twinCount)} of ${number(rowCount)} rows, ${percent(twinCount, rowCount)}${about}, have an equal one, where chance would give ${percent(expectedShare, 1)}. ` +
        `${percent(validation.twinCount, validation.rowCount)} of the validation rows and ${percent(holdout.twinCount, holdout.rowCount)} of the holdout equal a row that was trained on. ` +
        'Remove the copies from the dataset, or start a project with partitioning {"method": "stratified", "duplicates": "together"}; where copies differ in a feature, partition by a column that they share (method group).',
    ),
  ];
}

/** Groups that training and validation rows share, and that tell the target. */
function groupsOf({ groups = [] }) {
  return groups.map(({ column, score, chance, seenShare }) =>
    make(
      'p',
      { className: 'error' },
      `${column} names groups, and other rows of a group tell the target (${number(score)}, by chance ${number(chance)}): ${percent(seenShare, 1)} of the validation rows are of groups that were trained on. ` +
        `Where new rows are of new groups, scores promise too much: start a project with partitioning {"method": "group", "column": ${JSON.stringify(column)}}.`,
    ),
  );
}

/** What the search had no time for. */
function leftOutOf({ leftOut }) {
  if (leftOut === undefined) return [];
  const { rowCount, featureCount, groupColumnCount, pairCount, duplicates } = leftOut;
  const rows = duplicates ? ', and equal rows' : '';
  return [
    make(
      'p',
      {},
      `The search for leakage was out of time. Not looked at: ${number(rowCount)} rows, ${number(featureCount)} features, ${number(groupColumnCount)} columns of groups, ${number(pairCount)} pairs${rows}.`,
    ),
  ];
}

/** What the search for leakage found: what must be known at once, then all findings folded. */
const searchOf = (run) =>
  run === null || run.leakage === null
    ? []
    : [...duplicatesOf(run.leakage), ...groupsOf(run.leakage), ...leftOutOf(run.leakage), ...leakageOf(run)];

/** Features that give the target away: what was left out for it at once, all of them folded. */
function leakageOf(run) {
  if (run.leakage.findings.length === 0) return [];
  const { leakage, excludedForLeakage } = run;
  const left =
    excludedForLeakage.length === 0
      ? []
      : [
          make(
            'p',
            { className: 'error' },
            `Left out of all models, because they give the target away: ${excludedForLeakage.join(', ')}. Name a feature list to keep them.`,
          ),
        ];
  const rows = table(
    leakage.findings,
    [
      ['Features', ({ features }) => features.join(' and '), 'name'],
      ['Risk', ({ risk }) => risk],
      ['By', ({ by }) => by],
      ['Score, 1 is perfect', ({ score }) => number(score), 'number'],
    ],
    'None.',
  );
  return [...left, folded(`Target leakage: ${number(leakage.findings.length)}`, rows)];
}

/** What no model of the latest run varied. */
function pinsOf(run) {
  const pins = Object.entries(run?.plan.pinnedParameters ?? {}).flatMap(([name, pin]) =>
    typeof pin === 'object'
      ? Object.entries(pin).map(([key, value]) => `${key} ${value} of ${name}`)
      : [`${name} ${pin}`],
  );
  return pins.length === 0
    ? []
    : [make('p', { className: 'hint' }, `Pinned for all models of the latest run: ${pins.join(', ')}.`)];
}

/** Pinned parameters, leakage, warnings, features and lists of a project, each folded behind its number. */
export async function showData({ id, datasetId, target }) {
  const [{ data: warnings }, features, { data: lists }, run] = await Promise.all([
    get(`datasets/${encodeURIComponent(datasetId)}/quality`),
    featuresOfDataset(datasetId),
    get(`projects/${encodeURIComponent(id)}/feature-lists`),
    target === null ? null : get(`projects/${encodeURIComponent(id)}/autopilot`),
  ]);
  show(
    'data',
    ...pinsOf(run),
    ...searchOf(run),
    folded(
      `Warnings about the data: ${number(warnings.length)}`,
      table(
        warnings,
        [
          ['Feature', ({ feature }) => feature ?? 'all', 'name'],
          ['Warning', ({ code }) => code],
          ['Found', ({ message }) => message],
          ['Done about it', ({ handling }) => handling],
        ],
        'None.',
      ),
    ),
    folded(`Features: ${number(features.featureCount)}`, ...features.nodes),
    folded(
      `Feature lists: ${number(lists.length)}`,
      table(
        lists,
        [
          ['Name', ({ name }) => name, 'name'],
          ['Of', ({ origin }) => (origin === 'user' ? 'you' : 'every project')],
          ['Features', featuresOf],
        ],
        'None.',
      ),
    ),
  );
}
