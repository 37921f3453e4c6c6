// The start page: reads the REST API with the user's key and shows what the address names: a project, a model or a deployment.

import { addressOf, bytes, el, get, KEY, make, number, show, table, time } from './dom.js';
import { showData } from './data.js';
import { showDeployment } from './deployment.js';
import { deploymentsTable } from './deployments.js';
import { showModel } from './model.js';
import { speedChart } from './speed.js';
import { triedOf } from './tried.js';

const REFRESH_MS = 2000;

async function showLeaderboard(projectId) {
  const project = await get(`projects/${encodeURIComponent(projectId)}`);
  const board = await get(`projects/${encodeURIComponent(projectId)}/leaderboard`);
  const score = (row, part) => number(row.scores[part]?.[board.metric], 4, 4);
  el('summary').textContent = project.target
    ? `Target ${project.target} (${project.targetType}), ranked by ${board.metric}, ${board.direction} is better.`
    : 'Autopilot has not been started.';
  show(
    'leaderboard',
    table(
      board.data,
      [
        ['#', (row) => number(row.rank), 'number'],
        [
          'Model',
          (row) =>
            make(
              'span',
              {},
              make('a', { href: addressOf({ model: row.modelId }) }, row.name),
              ' ',
              ...(row.recommended ? [make('span', { className: 'tag' }, 'recommended')] : []),
            ),
        ],
        ['Features', featuresOf],
        ['Rows', (row) => number(row.rowCount), 'number'],
        ['Validation', (row) => score(row, 'validation'), 'number'],
        ['Cross-validation', (row) => score(row, 'crossValidation'), 'number'],
        ['Holdout', (row) => score(row, 'holdout'), 'number'],
        ['Fit', (row) => `${number(row.fitSeconds, 3)} s`, 'number'],
        ['One row', (row) => `${number(row.predictMicrosPerRow, 3)} µs`, 'number'],
        ['Size', (row) => bytes(row.sizeBytes), 'number'],
        ['Memory (predicted)', memoryOf, 'number'],
      ],
      'No models yet.',
      (row) => (row.recommended ? 'recommended' : ''),
    ),
  );
  showSpeed(board);
  await showProjectData(project);
  const { data: jobs } = await get(`jobs?projectId=${encodeURIComponent(projectId)}&limit=1`);
  const job = jobs[0];
  await showTried(project, job);
  const running = job && (job.state === 'running' || job.state === 'queued');
  show(
    'job',
    running
      ? make(
          'p',
          {},
          make('progress', { value: job.progress.fraction, max: 1 }),
          `${job.kind}: ${job.progress.phase} ${job.progress.message}`,
        )
      : make('span'),
  );
}

/** What a model's task took at most, and what it was predicted to take before it began. */
function memoryOf({ peakMemoryBytes, predictedMemoryBytes }) {
  const predicted = predictedMemoryBytes === null ? '' : ` (${bytes(predictedMemoryBytes)})`;
  return `${bytes(peakMemoryBytes)}${predicted}`;
}

/** The feature list of a model; what it leaves out because it gives the target away is told on pointing at it. */
function featuresOf({ featureList, excludedForLeakage }) {
  const list = featureList ?? 'by default';
  if (excludedForLeakage.length === 0) return list;
  return make('span', { title: excludedForLeakage.join(', ') }, `${list}, ${excludedForLeakage.length} left out`);
}

/** Drawn again only when the leaderboard changed, so that an open table stays open. */
function showSpeed(board) {
  const state = JSON.stringify([
    board.metric,
    board.data.map((row) => [row.modelId, row.scores, row.predictMicrosPerRow]),
  ]);
  if (el('speed').dataset.state === state) return;
  el('speed').dataset.state = state;
  show('speed', ...speedChart(board));
}

/** Read again when the project or its job went on, and drawn again only when there is something new, so that an open table stays open. */
async function showTried({ id, target, updatedAt }, job) {
  const place = el('tried');
  const asked = JSON.stringify([id, target, updatedAt, job?.id, job?.state, job?.progress]);
  if (place.dataset.asked === asked && place.dataset.isSettled === 'true') return;
  const run = target === null ? null : await get(`projects/${encodeURIComponent(id)}/autopilot`);
  place.dataset.asked = asked;
  // Workers hear of the end of a run some time after it.
  place.dataset.isSettled = String(run === null || run.finishedAt === null || run.tasks.running === 0);
  const state = JSON.stringify(run === null ? [id] : [run.id, run.finishedAt, run.failures, run.untried]);
  if (place.dataset.state === state) return;
  place.dataset.state = state;
  show('tried', ...(run === null ? [] : triedOf(run)));
}

/** Read and drawn again only when the project changed. */
async function showProjectData(project) {
  const state = `${project.id} ${project.updatedAt}`;
  if (el('data').dataset.state === state) return;
  await showData(project);
  el('data').dataset.state = state;
}

async function refresh() {
  const [projects, deployments, datasets] = await Promise.all([
    get('projects?limit=1000'),
    get('deployments?limit=1000'),
    get('datasets?limit=1000'),
  ]);
  const select = el('project');
  const newestFirst = projects.data.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
  const asked = takeProject() ?? select.value;
  const wanted = newestFirst.some(({ id }) => id === asked) ? asked : newestFirst[0]?.id;
  const names = JSON.stringify(newestFirst.map(({ id, name }) => [id, name]));
  // Rebuilt only when it changed, so that an open list stays open.
  if (names !== select.dataset.names || select.value !== wanted) {
    select.dataset.names = names;
    select.replaceChildren(
      ...newestFirst.map(({ id, name }) => make('option', { value: id, selected: id === wanted }, name)),
    );
  }
  if (wanted === undefined) {
    el('summary').textContent =
      'No project yet: trainyard datasets add FILE, trainyard projects create, trainyard autopilot run --target T.';
    show('leaderboard', make('span'));
    show('speed');
    show('tried');
    show('data');
    for (const part of ['tried', 'data']) delete el(part).dataset.state;
    delete el('tried').dataset.asked;
  } else await showLeaderboard(wanted);
  show('deployments', await deploymentsTable(deployments.data));
  show(
    'datasets',
    table(
      datasets.data,
      [
        ['Name', (row) => (row.version === 1 ? row.name : `${row.name}, version ${row.version}`), 'name'],
        ['State', (row) => row.state],
        ['Rows', (row) => number(row.rowCount), 'number'],
        ['Features', (row) => number(row.featureCount), 'number'],
        ['Size', (row) => bytes(row.sizeBytes), 'number'],
        ['Added', (row) => time(row.createdAt)],
      ],
      'No datasets yet.',
    ),
  );
}

/** The project that a link to this page names, once: from then on the reader chooses. */
function takeProject() {
  const { project } = parametersOf();
  if (project !== undefined) history.replaceState(null, '', location.pathname);
  return project;
}

const parametersOf = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

/** Pages of one thing, by the parameter that names it; all else is the board. Each fills `NAME-head` and another part. */
const PAGES = {
  model: { fill: showModel, body: 'model-insights', back: '← Leaderboard' },
  deployment: { fill: showDeployment, body: 'deployment-health', back: '← All deployments' },
};

const pageOf = (parameters) => Object.keys(PAGES).find((name) => parameters[name] !== undefined) ?? 'board';

/** Fills the page that the address names. Returns which it is, and whether it is to be shown again by itself. */
async function showPage() {
  const parameters = parametersOf();
  const page = pageOf(parameters);
  if (page === 'board') {
    await refresh();
    document.title = 'Trainyard';
    return { page, isMore: true };
  }
  const { fill, body, back } = PAGES[page];
  const isMore = await fill(parameters).catch((err) => {
    if (err.status !== 404) throw err;
    show(
      `${page}-head`,
      make('a', { href: addressOf({ project: '' }) }, back),
      make('p', { className: 'error', role: 'alert' }, err.message),
    );
    show(body);
    return false;
  });
  return { page, isMore };
}

function signedIn(yes, message = '') {
  el('main').hidden = !yes;
  el('sign-out').hidden = !yes;
  el('sign-in').hidden = yes;
  el('sign-in-error').textContent = message;
}

let timer;
let turn = 0;

/** Shows everything now and then again and again; one started later takes over. */
async function loop() {
  clearTimeout(timer);
  const mine = (turn += 1);
  try {
    if (sessionStorage.getItem(KEY) === null) {
      signedIn(false);
      el('status').textContent = 'not signed in';
      return;
    }
    const { page, isMore } = await showPage();
    if (mine !== turn) return;
    for (const name of ['board', ...Object.keys(PAGES)]) el(name).hidden = name !== page;
    signedIn(true);
    el('status').textContent = 'up to date';
    if (!isMore) return;
  } catch (err) {
    if (mine !== turn) return;
    if (err.status === 401) {
      sessionStorage.removeItem(KEY);
      signedIn(false, 'This key is not accepted.');
      el('status').textContent = 'not signed in';
      return;
    }
    el('status').textContent = `not up to date: ${err.message}`;
  }
  timer = setTimeout(() => void loop(), REFRESH_MS);
}

// A link may carry the key behind #, which no server ever sees; it leaves the address at once.
const fragment = new URLSearchParams(location.hash.slice(1));
if (fragment.has('key')) {
  sessionStorage.setItem(KEY, fragment.get('key'));
  fragment.delete('key');
  history.replaceState(null, '', fragment.size === 0 ? location.pathname : `#${fragment}`);
}
el('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, el('key').value);
  el('key').value = '';
  void loop();
});
el('sign-out').addEventListener('click', () => {
  sessionStorage.removeItem(KEY);
  void loop();
});
let shown = '';
addEventListener('hashchange', () => {
  const parameters = parametersOf();
  const page = pageOf(parameters);
  const thing = page === 'board' ? '' : `${page} ${parameters[page]}`;
  const isOther = thing !== '' && thing !== shown;
  shown = thing;
  if (isOther) el(page).scrollIntoView();
  void loop().then(() => (isOther ? el(`${page}-name`)?.focus() : undefined));
});
el('project').addEventListener('change', () => void loop());
get('version').then(
  ({ version, warnings }) => {
    el('version').textContent = `version ${version}`;
    el('warnings').hidden = warnings.length === 0;
    el('warnings').replaceChildren(...warnings.map(({ message }) => make('p', { role: 'alert' }, message)));
  },
  () => undefined,
);
void loop();
