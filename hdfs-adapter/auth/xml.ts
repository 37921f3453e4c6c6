/** An element of a configuration file: its name without prefix, attributes, child elements and the text between them. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

/** Why a text is not XML that a cluster's configuration may be, with the line (from 1). */
export class XmlError extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.name = 'XmlError';
    this.line = line;
  }
}

interface OpenElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: XmlElement[];
  text: string;
}

/** Deeper nesting than any configuration has. */
const DEPTH_MAX = 20;
const TOKEN =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<\/\s*([\w:.-]+)\s*>|<([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|[^<]+/y;
const ATTRIBUTE = /([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/**
 * The root element of an XML 1.0 document as Hadoop's configuration files are: elements, attributes, text, CDATA,
 * comments. A document type is refused: it is what makes XML read other files and grow without bound.
 *
 * @see https://www.w3.org/TR/xml/ (the part without DTD)
 * @throws XmlError
 */
export function parseXml(source: string): XmlElement {
  const text = source.replace(/^\uFEFF/, '');
  const holder: OpenElement = { name: '', attributes: new Map(), children: [], text: '' };
  const open: OpenElement[] = [holder];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text);
    const line = lineOf(text, at);
    if (token === null) throw new XmlError(complaint(text.slice(at, at + 40)), line);
    take(token, open, line);
  }
  const [root] = holder.children;
  if (open.length > 1) throw new XmlError(`<${open.at(-1)?.name ?? ''}> is not closed`, lineOf(text, text.length));
  if (root === undefined || holder.children.length > 1 || holder.text.trim() !== '')
    throw new XmlError('expected one root element', 1);
  return root;
}

function take(token: RegExpExecArray, open: OpenElement[], line: number): void {
  const [whole, cdata, closing, opening, attributes = '', empty] = token;
  const current = open.at(-1);
  if (current === undefined) throw new XmlError('expected one root element', line);
  if (cdata !== undefined) current.text += cdata;
  else if (closing !== undefined) {
    if (open.length === 1 || current.name !== localName(closing))
      throw new XmlError(`</${closing}> closes nothing that is open`, line);
    open.pop();
  } else if (opening !== undefined) {
    const element = { name: localName(opening), attributes: readAttributes(attributes, line), children: [], text: '' };
    current.children.push(element);
    if (empty !== '/') open.push(element);
    if (open.length > DEPTH_MAX) throw new XmlError(`nested deeper than ${DEPTH_MAX} elements`, line);
  } else if (!whole.startsWith('<')) current.text += decode(whole, line);
}

function readAttributes(text: string, line: number): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [, name = '', double, single = ''] of text.matchAll(ATTRIBUTE))
    found.set(localName(name), decode(double ?? single, line));
  return found;
}

function decode(text: string, line: number): string {
  return text.replaceAll(/&([^;\s&]*);?/g, (whole, name: string) => {
    const number = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(name);
    const code =
      number === null ? NaN : Number.parseInt(number[1] ?? number[2] ?? '', number[1] === undefined ? 10 : 16);
    const value = number === null ? ENTITIES[name] : code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
    if (value === undefined || !whole.endsWith(';')) throw new XmlError(`${whole} is no entity of XML`, line);
    return value;
  });
}

function complaint(rest: string): string {
  if (/^<!DOCTYPE/i.test(rest)) return 'a document type is not allowed';
  return `expected a tag, found ${JSON.stringify(rest.split('\n')[0])}`;
}

/** Prefixes are not resolved: the one namespace in these files is that of `xi:include`. */
function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function lineOf(text: string, at: number): number {
  return text.slice(0, at).split('\n').length;
}
