// What all pages share: elements, numbers, tables and the REST API. Values only ever become text nodes.

export const KEY = 'trainyard-api-key';

export const el = (id) => document.getElementById(id);

/** An element with text or children; names with a dash are attributes. */
export function make(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props))
    if (name.includes('-')) node.setAttribute(name, value);
    else node[name] = value;
  node.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return node;
}

/** A request with the reader's key. Throws what the API says went wrong, with its status. */
async function request(path, accept, { method = 'GET', json } = {}) {
  const answer = await fetch(path.startsWith('/') ? path : `/api/v1/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ''}`,
      accept,
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  if (answer.ok) return answer;
  const { detail, code } = await answer.json();
  throw Object.assign(new Error(detail ?? answer.statusText), { status: answer.status, code });
}

/** Status and body of a request. Throws what the API says went wrong, with its status. */
export async function ask(path, options) {
  const answer = await request(path, 'application/json', options);
  return { status: answer.status, body: await answer.json() };
}

export const get = async (path) => (await ask(path)).body;

/** Has the browser save an answer that is a file. Throws what the API says went wrong. */
export async function save(path, name) {
  const answer = await request(path, '*/*');
  const url = URL.createObjectURL(await answer.blob());
  make('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** A number of so many significant digits; a dash for nothing. */
export const number = (value, most = 4, least = 1) =>
  value === null || value === undefined
    ? '–'
    : value.toLocaleString('en', {
        maximumSignificantDigits: Number.isInteger(value) ? 21 : most,
        minimumSignificantDigits: least,
      });
export const bytes = (value) =>
  value === null || value === undefined
    ? '–'
    : value < 1048576
      ? `${number(value / 1024, 3)} KiB`
      : `${number(value / 1048576, 3)} MiB`;
export const time = (value) => new Date(value).toLocaleString();
export const percent = (value) => (value === null || value === undefined ? '–' : `${number(value * 100, 3)} %`);

/** A table; columns are [title, cell(row), class of the cells]. */
export function table(rows, columns, empty, rowClass = () => '') {
  if (rows.length === 0) return make('p', { className: 'hint' }, empty);
  const head = make(
    'tr',
    {},
    ...columns.map(([title, , className = '']) => make('th', { className, scope: 'col' }, title)),
  );
  const body = rows.map((row) =>
    make(
      'tr',
      { className: rowClass(row) },
      ...columns.map(([, cell, className = '']) => make('td', { className }, cell(row))),
    ),
  );
  return make('table', {}, make('thead', {}, head), make('tbody', {}, ...body));
}

/** What is there for those who open it. */
export const folded = (title, ...content) =>
  make('details', {}, make('summary', {}, title), make('div', { className: 'scroll' }, ...content));

/** Names with their values, a pair each. */
export const facts = (entries) =>
  make(
    'dl',
    { className: 'facts' },
    ...entries.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))),
  );

export function show(id, ...nodes) {
  el(id).replaceChildren(...nodes);
}

/** The address of a view of this page: its parameters behind #. */
export const addressOf = (parameters) =>
  `#${new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== ''))}`;
