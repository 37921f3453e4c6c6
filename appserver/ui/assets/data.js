// What is known of a project's data: what gives the target away, warnings with what is done about each, and the feature lists to choose from.

import { get, make, number, show, table } from './dom.js';

/** Features of a list that are named; the others are counted. */
const FEATURES_SHOWN = 20;

const featuresOf = ({ features }) =>
  features.length > FEATURES_SHOWN
    ? `${features.slice(0, FEATURES_SHOWN).join(', ')} and ${number(features.length - FEATURES_SHOWN)} more`
    : features.join(', ');

const folded = (title, ...content) =>
  make('details', {}, make('summary', {}, title), make('div', { className: 'scroll' }, ...content));

/** Features that give the target away: what was left out for it at once, all of them folded. */
function leakageOf(run) {
  if (run === null || run.leakage === null || run.leakage.findings.length === 0) return [];
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

/** Pinned parameters, leakage, warnings and lists of a project, each folded behind its number. */
export async function showData({ id, datasetId, target }) {
  const [{ data: warnings }, { data: lists }, run] = await Promise.all([
    get(`datasets/${encodeURIComponent(datasetId)}/quality`),
    get(`projects/${encodeURIComponent(id)}/feature-lists`),
    target === null ? null : get(`projects/${encodeURIComponent(id)}/autopilot`),
  ]);
  show(
    'data',
    ...pinsOf(run),
    ...leakageOf(run),
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
