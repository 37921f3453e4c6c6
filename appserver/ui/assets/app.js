// The start page: reads the REST API with the user's key and shows it. Values only ever become text nodes.

const KEY = 'trainyard-api-key';
const REFRESH_MS = 2000;
const el = (id) => document.getElementById(id);

/** An element with text or children. */
function make(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) node[name] = value;
  node.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return node;
}

async function get(path) {
  const answer = await fetch(path.startsWith('/') ? path : `/api/v1/${path}`, {
    headers: { authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ''}`, accept: 'application/json' },
  });
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.detail ?? answer.statusText), { status: answer.status });
  return body;
}

/** A number of so many significant digits; a dash for nothing. */
const number = (value, most = 4, least = 1) =>
  value === null || value === undefined
    ? '–'
    : value.toLocaleString('en', {
        maximumSignificantDigits: Number.isInteger(value) ? 21 : most,
        minimumSignificantDigits: least,
      });
const bytes = (value) =>
  value === null || value === undefined
    ? '–'
    : value < 1048576
      ? `${number(value / 1024, 3)} KiB`
      : `${number(value / 1048576, 3)} MiB`;
const time = (value) => new Date(value).toLocaleString();

/** A table; columns are [title, cell(row), class of the cells]. */
function table(rows, columns, empty, rowClass = () => '') {
  if (rows.length === 0) return make('p', { className: 'hint' }, empty);
  const head = make('tr', {}, ...columns.map(([title, , className = '']) => make('th', { className }, title)));
  const body = rows.map((row) =>
    make(
      'tr',
      { className: rowClass(row) },
      ...columns.map(([, cell, className = '']) => make('td', { className }, cell(row))),
    ),
  );
  return make('table', {}, make('thead', {}, head), make('tbody', {}, ...body));
}

function show(id, node) {
  el(id).replaceChildren(node);
}

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
              row.name,
              ' ',
              ...(row.recommended ? [make('span', { className: 'tag' }, 'recommended')] : []),
            ),
        ],
        ['Rows', (row) => number(row.rowCount), 'number'],
        ['Validation', (row) => score(row, 'validation'), 'number'],
        ['Cross-validation', (row) => score(row, 'crossValidation'), 'number'],
        ['Holdout', (row) => score(row, 'holdout'), 'number'],
        ['Fit', (row) => `${number(row.fitSeconds, 3)} s`, 'number'],
        ['One row', (row) => `${number(row.predictMicrosPerRow, 3)} µs`, 'number'],
        ['Size', (row) => bytes(row.sizeBytes), 'number'],
        ['Memory', (row) => bytes(row.peakMemoryBytes), 'number'],
      ],
      'No models yet.',
      (row) => (row.recommended ? 'recommended' : ''),
    ),
  );
  const { data: jobs } = await get(`jobs?projectId=${encodeURIComponent(projectId)}&limit=1`);
  const job = jobs[0];
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

async function refresh() {
  const [projects, deployments, datasets] = await Promise.all([
    get('projects?limit=1000'),
    get('deployments?limit=1000'),
    get('datasets?limit=1000'),
  ]);
  const select = el('project');
  const newestFirst = projects.data.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
  const wanted = newestFirst.some(({ id }) => id === select.value) ? select.value : newestFirst[0]?.id;
  const names = JSON.stringify(newestFirst.map(({ id, name }) => [id, name]));
  // Rebuilt only when it changed, so that an open list stays open.
  if (names !== select.dataset.names) {
    select.dataset.names = names;
    select.replaceChildren(
      ...newestFirst.map(({ id, name }) => make('option', { value: id, selected: id === wanted }, name)),
    );
  }
  if (wanted === undefined) {
    el('summary').textContent =
      'No project yet: trainyard datasets add FILE, trainyard projects create, trainyard autopilot run --target T.';
    show('leaderboard', make('span'));
  } else await showLeaderboard(wanted);
  show(
    'deployments',
    table(
      deployments.data,
      [
        ['Name', (row) => row.name, 'name'],
        ['Ready', (row) => (row.ready ? make('span', { className: 'tag' }, 'ready') : 'not ready')],
        ['Model', (row) => row.modelId],
        ['Prediction URL', (row) => make('code', {}, row.predictionUrl ?? '–')],
        ['Since', (row) => time(row.createdAt)],
      ],
      'Nothing is deployed.',
    ),
  );
  show(
    'datasets',
    table(
      datasets.data,
      [
        ['Name', (row) => row.name, 'name'],
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
    await refresh();
    if (mine !== turn) return;
    signedIn(true);
    el('status').textContent = 'up to date';
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
  history.replaceState(null, '', location.pathname);
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
