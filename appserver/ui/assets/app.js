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

const number = (value, digits = 4) =>
  value === null || value === undefined
    ? '–'
    : Number.isInteger(value)
      ? value.toLocaleString('en')
      : value.toLocaleString('en', { maximumSignificantDigits: digits });
const bytes = (value) =>
  value === null || value === undefined
    ? '–'
    : value < 1048576
      ? `${number(value / 1024, 3)} KiB`
      : `${number(value / 1048576, 3)} MiB`;
const time = (value) => new Date(value).toLocaleString();

/** A table; columns are [title, cell(row), isNumber]. */
function table(rows, columns, empty, rowClass = () => '') {
  if (rows.length === 0) return make('p', { className: 'hint' }, empty);
  const head = make(
    'tr',
    {},
    ...columns.map(([title, , numeric]) => make('th', { className: numeric ? 'number' : '' }, title)),
  );
  const body = rows.map((row) =>
    make(
      'tr',
      { className: rowClass(row) },
      ...columns.map(([, cell, numeric]) => make('td', { className: numeric ? 'number' : '' }, cell(row))),
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
  const score = (row, part) => number(row.scores[part]?.[board.metric]);
  el('summary').textContent = project.target
    ? `Target ${project.target} (${project.targetType}), ranked by ${board.metric}, ${board.direction} is better.`
    : 'Autopilot has not been started.';
  show(
    'leaderboard',
    table(
      board.data,
      [
        ['#', (row) => number(row.rank), true],
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
        ['Family', (row) => row.family],
        ['Rows', (row) => number(row.rowCount), true],
        ['Validation', (row) => score(row, 'validation'), true],
        ['Cross-validation', (row) => score(row, 'crossValidation'), true],
        ['Holdout', (row) => score(row, 'holdout'), true],
        ['Fit', (row) => `${number(row.fitSeconds, 3)} s`, true],
        ['One row', (row) => `${number(row.predictMicrosPerRow, 3)} µs`, true],
        ['Size', (row) => bytes(row.sizeBytes), true],
        ['Peak memory', (row) => bytes(row.peakMemoryBytes), true],
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
  select.replaceChildren(
    ...newestFirst.map(({ id, name }) => make('option', { value: id, selected: id === wanted }, name)),
  );
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
        ['Name', (row) => row.name],
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
        ['Name', (row) => row.name],
        ['State', (row) => row.state],
        ['Rows', (row) => number(row.rowCount), true],
        ['Features', (row) => number(row.featureCount), true],
        ['Size', (row) => bytes(row.sizeBytes), true],
        ['Added', (row) => time(row.createdAt)],
      ],
      'No datasets yet.',
    ),
  );
}

function signedIn(yes, message = '') {
  el('main').hidden = !yes;
  el('sign-in').hidden = yes;
  el('sign-in-error').textContent = message;
}

async function loop() {
  try {
    if (sessionStorage.getItem(KEY) === null) {
      signedIn(false);
      el('status').textContent = 'not signed in';
      return;
    }
    await refresh();
    signedIn(true);
    el('status').textContent = 'up to date';
  } catch (err) {
    if (err.status === 401) {
      sessionStorage.removeItem(KEY);
      signedIn(false, 'This key is not accepted.');
      el('status').textContent = 'not signed in';
      return;
    }
    el('status').textContent = `not up to date: ${err.message}`;
  }
  setTimeout(() => void loop(), REFRESH_MS);
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
el('project').addEventListener('change', () => void showLeaderboard(el('project').value));
get('version').then(
  ({ version }) => (el('version').textContent = `version ${version}`),
  () => undefined,
);
void loop();
