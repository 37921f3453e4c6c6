import { markup, NOTHING, type Content, type Markup } from './markup.ts';

/** A column of a table: its title, its cell, and whether it holds numbers. */
export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => Content;
  readonly isNumber?: boolean;
}

export const text = <T>(title: string, cell: Column<T>['cell']): Column<T> => ({ title, cell });
export const number = <T>(title: string, cell: Column<T>['cell']): Column<T> => ({ title, cell, isNumber: true });

/** A table with a caption; of more rows than `most` the first ones, and a sentence that says so. */
export function table<T>(
  caption: string,
  rows: readonly T[],
  columns: readonly Column<T>[],
  most = rows.length,
): Markup {
  const head = columns.map(({ title, isNumber }) =>
    isNumber === true ? markup`<th scope="col" class="number">${title}</th>` : markup`<th scope="col">${title}</th>`,
  );
  const body = rows.slice(0, most).map((row) => {
    const cells = columns.map(({ cell, isNumber }) =>
      isNumber === true ? markup`<td class="number">${cell(row)}</td>` : markup`<td>${cell(row)}</td>`,
    );
    return markup`<tr>${cells}</tr>\n`;
  });
  const rest = rows.length - most;
  const cut =
    rest > 0
      ? note(markup`Shown are ${String(most)} of ${String(rows.length)} rows; ${String(rest)} were left out.`)
      : NOTHING;
  return markup`<table><caption>${caption}</caption><thead><tr>${head}</tr></thead>
<tbody>
${body}</tbody></table>
${cut}`;
}

/** Names with their values. */
export function facts(entries: readonly (readonly [string, Content] | null)[]): Markup {
  const rows = entries
    .filter((entry) => entry !== null)
    .map(([name, value]) => markup`<tr><th scope="row">${name}</th><td>${value}</td></tr>\n`);
  return markup`<table class="facts"><tbody>
${rows}</tbody></table>
`;
}

export const paragraph = (content: Content): Markup => markup`<p>${content}</p>\n`;
/** Something to be read with care, or that is missing. */
export const note = (content: Content): Markup => markup`<p class="note">${content}</p>\n`;
export const heading = (title: string): Markup => markup`<h3>${title}</h3>\n`;
export const list = (items: readonly Content[]): Markup =>
  markup`<ul>
${items.map((item) => markup`<li>${item}</li>\n`)}</ul>
`;
export const code = (value: string): Markup => markup`<code>${value}</code>`;

/** A numbered section of a report; `id` is what the contents link. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}
