// Features of a project's dataset, each with its type, which can be changed in a new version of the dataset.

import { ask, get, make, number, table } from './dom.js';

/** Types that can be given; the page says why others cannot when the API does. */
const TYPES = ['numeric', 'categorical', 'text', 'date', 'boolean', 'id', 'geo'];

/** Features shown; wider datasets are for the command line. */
const FEATURES_SHOWN = 1000;

const POLL_MS = 500;

const pathOf = (datasetId) => `datasets/${encodeURIComponent(datasetId)}`;

/** The job once it is final. */
async function ended(job) {
  let current = job;
  while (['queued', 'running'].includes(current.state)) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    current = await get(`jobs/${encodeURIComponent(job.id)}`);
  }
  return current;
}

/** Asks for the version in which the feature has this type; says what came of it. */
async function change(datasetId, name, type) {
  const { body } = await ask(`${pathOf(datasetId)}/features/${encodeURIComponent(name)}`, {
    method: 'PATCH',
    json: { type },
  });
  const { error, resource } = await ended(body);
  if (error !== null) throw new Error(error.detail);
  const { id, version } = await get(resource);
  return `Version ${version} of the dataset is ready: ${name} is ${type} in it. This project stays on its own; for the new one: trainyard projects create --dataset ${id}`;
}

function typeChoice(datasetId, { name, type }, said) {
  const options = TYPES.includes(type) ? TYPES : [type, ...TYPES];
  const select = make(
    'select',
    { 'aria-label': `Type of ${name}` },
    ...options.map((one) => make('option', { value: one, selected: one === type }, one)),
  );
  select.addEventListener('change', async () => {
    select.disabled = true;
    said.className = 'hint';
    said.textContent = `Reading ${name} as ${select.value} …`;
    try {
      said.textContent = await change(datasetId, name, select.value);
    } catch (err) {
      said.className = 'error';
      said.textContent = err.message;
    }
    // The dataset that is shown has the type that it had.
    select.value = type;
    select.disabled = false;
  });
  return select;
}

/** Count and table of a dataset's features. */
export async function featuresOf(datasetId) {
  const [{ featureCount }, { data }] = await Promise.all([
    get(pathOf(datasetId)),
    get(`${pathOf(datasetId)}/features?limit=${FEATURES_SHOWN}`),
  ]);
  const said = make('p', { className: 'hint', role: 'status' });
  const rows = table(
    data,
    [
      ['Feature', ({ name }) => name, 'name'],
      ['Type', (feature) => typeChoice(datasetId, feature, said)],
      ['Inferred', ({ type, inferredType }) => (type === inferredType ? '' : inferredType)],
      ['Missing', ({ missingCount }) => number(missingCount), 'number'],
      [
        'Different values',
        ({ uniqueCount, uniqueIsEstimate }) => `${uniqueIsEstimate ? '≈ ' : ''}${number(uniqueCount)}`,
        'number',
      ],
      ['Least', ({ min }) => number(min), 'number'],
      ['Mean', ({ mean }) => number(mean), 'number'],
      ['Largest', ({ max }) => number(max), 'number'],
    ],
    'None.',
  );
  return { featureCount, nodes: [said, rows] };
}
