/** HTML that is complete in itself: text in it has been escaped. */
export interface Markup {
  readonly html: string;
}

/** What a template takes: texts are escaped, numbers stand as ECMAScript prints them. */
export type Content = Markup | string | number | readonly Markup[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Controls that HTML must not have (C0 but tab and line ends, DEL, C1, noncharacters), and those that turn the direction of what
 * stands behind them: a name must not rearrange the sentence that it is in.
 */
const UNSAFE =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]/g;

/** Text as content or as the value of a quoted attribute. Lone surrogates and unsafe controls become U+FFFD. */
export function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(UNSAFE, '\ufffd')
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

function htmlOf(content: Content): string {
  if (typeof content === 'string') return escaped(content);
  if (typeof content === 'number') return String(content);
  return 'html' in content ? content.html : content.map(({ html }) => html).join('');
}

/** A piece of HTML whose inserted values are escaped unless they are markup themselves. */
export function markup(literals: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return { html: literals.map((literal, index) => literal + htmlOf(values[index] ?? '')).join('') };
}

export const NOTHING: Markup = { html: '' };

/** Characters of a name or value of the data that are shown at most. */
export const NAME_CHARACTERS_MAX = 80;
/** The same of a name in the caption of a table. */
export const CAPTION_CHARACTERS_MAX = 60;

/** A text of the data: cut after so many characters, which is said, and apart from the direction of what is around it. */
export function named(text: string, most = NAME_CHARACTERS_MAX): Markup {
  const shown = firstOf(text, most);
  const rest = shown === text ? NOTHING : markup`<i>… (${text.length} characters)</i>`;
  return markup`<bdi>${shown === '' ? '(empty)' : shown}</bdi>${rest}`;
}

/** A text of the data where there can be no elements: cut after so many characters. */
export function cut(text: string, most: number): string {
  const shown = firstOf(text, most);
  return shown === text ? text : `${shown}…`;
}

/** The first characters of a text, none of them in halves. */
function firstOf(text: string, most: number): string {
  const characters = Array.from(text.slice(0, 2 * most + 2));
  return characters.length <= most ? text : characters.slice(0, most).join('');
}

/** Several of them, the first `most`; how many are not named is said. */
export function names(texts: readonly string[], most: number): Markup {
  const shown = texts.slice(0, most).map((text, index) => markup`${index === 0 ? '' : ', '}${named(text)}`);
  return texts.length > most ? markup`${shown} and ${String(texts.length - most)} more` : markup`${shown}`;
}
