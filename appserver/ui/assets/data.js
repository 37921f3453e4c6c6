// What is known of a project's data: warnings with what is done about each, and the feature lists to choose from.

import { get, make, number, show, table } from './dom.js';

/** Features of a list that are named; the others are counted. */
const FEATURES_SHOWN = 20;

const featuresOf = ({ features }) =>
  features.length > FEATURES_SHOWN
    ? `${features.slice(0, FEATURES_SHOWN).join(', ')} and ${number(features.length - FEATURES_SHOWN)} more`
    : features.join(', ');

const folded = (title, ...content) =>
  make('details', {}, make('summary', {}, title), make('div', { className: 'scroll' }, ...content));

/** Warnings and lists of a project, each folded behind its number. */
export async function showData({ id, datasetId }) {
  const [{ data: warnings }, { data: lists }] = await Promise.all([
    get(`datasets/${encodeURIComponent(datasetId)}/quality`),
    get(`projects/${encodeURIComponent(id)}/feature-lists`),
  ]);
  show(
    'data',
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
