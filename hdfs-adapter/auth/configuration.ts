import { readFileSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '#contracts';
import { parseXml, XmlError, type XmlElement } from './xml.ts';

/** A value as one file gives it. */
interface Property {
  readonly value: string;
  readonly file: string;
  readonly final: boolean;
}

/** As many substitutions and includes as Hadoop itself makes at most. */
const SUBSTITUTIONS_MAX = 20;
const INCLUDE_DEPTH_MAX = 10;
/** Larger than any configuration file. */
const FILE_BYTES_MAX = 8 * 1024 * 1024;
const VARIABLE = /\$\{([^}$\s]+)\}/;

/**
 * The settings of a cluster as its own XML files give them: later files win unless an earlier one said `final`,
 * `${name}` is another setting, `xi:include` is followed. Values of deprecated names are not translated.
 *
 * @see org.apache.hadoop.conf.Configuration (Hadoop 3.4)
 */
export class HadoopConfiguration {
  readonly folder: string;
  readonly #properties: ReadonlyMap<string, Property>;

  constructor(folder: string, properties: ReadonlyMap<string, Property>) {
    this.folder = folder;
    this.#properties = properties;
  }

  /** The value, trimmed, with variables substituted; undefined where it is not set or empty. @throws HADOOP_CONFIG_INVALID */
  get(key: string): string | undefined {
    const property = this.#properties.get(key);
    if (property === undefined) return undefined;
    const value = this.#substitute(key, property).trim();
    return value === '' ? undefined : value;
  }

  /** A list separated by commas, without empty items. */
  list(key: string): readonly string[] {
    return (this.get(key) ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  /** The file that gives a key its value, for messages. */
  fileOf(key: string): string {
    return this.#properties.get(key)?.file ?? this.folder;
  }

  /** What is wrong with a key, as the error that names its file. */
  invalid(key: string, problem: string): AppError {
    return new AppError('HADOOP_CONFIG_INVALID', `${this.fileOf(key)}, ${key}: ${problem}`, {
      details: { file: this.fileOf(key), key },
    });
  }

  #substitute(key: string, property: Property): string {
    let { value } = property;
    for (let round = 0; round < SUBSTITUTIONS_MAX; round += 1) {
      const found = VARIABLE.exec(value);
      if (found === null) return value;
      // Hadoop leaves a variable as it is when nothing of that name is set; so do we.
      const replacement = this.#properties.get(found[1] ?? '')?.value;
      if (replacement === undefined) return value;
      value = value.replace(found[0], () => replacement);
    }
    throw this.invalid(key, `expected at most ${SUBSTITUTIONS_MAX} substitutions, found a circle of variables`);
  }
}

/**
 * Reads the files of a configuration folder in order; ones that are not there are left out.
 *
 * @param required file names that must be there
 * @throws HADOOP_CONFIG_INVALID naming the folder or file, what was expected and what was found
 */
export function loadConfiguration(
  folder: string,
  files: readonly string[],
  required: readonly string[] = [],
): HadoopConfiguration {
  const properties = new Map<string, Property>();
  for (const name of files) {
    const file = path.join(folder, name);
    const text = readText(file, required.includes(name));
    if (text !== null) addFile(properties, file, text, 0);
  }
  return new HadoopConfiguration(folder, properties);
}

function readText(file: string, required: boolean): string | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (err) {
    const { code = '' } = err as NodeJS.ErrnoException;
    if (!required && code === 'ENOENT') return null;
    const found = code === 'ENOENT' ? 'no such file' : code;
    throw new AppError('HADOOP_CONFIG_INVALID', `${file}: expected a readable configuration file, found ${found}`, {
      cause: err,
      details: { file },
    });
  }
  if (bytes.length > FILE_BYTES_MAX)
    throw new AppError(
      'HADOOP_CONFIG_INVALID',
      `${file}: expected at most ${FILE_BYTES_MAX} bytes, found ${bytes.length}`,
    );
  return bytes.toString('utf8');
}

function addFile(properties: Map<string, Property>, file: string, text: string, depth: number): void {
  const root = parseFile(file, text);
  if (root.name !== 'configuration') throw broken(file, `expected <configuration>, found <${root.name}>`);
  addElements(properties, file, root, depth);
}

function addElements(properties: Map<string, Property>, file: string, root: XmlElement, depth: number): void {
  for (const element of root.children) {
    if (element.name === 'property') addProperty(properties, file, element);
    else if (element.name === 'configuration') addElements(properties, file, element, depth);
    else if (element.name === 'include') addInclude(properties, file, element, depth);
    else throw broken(file, `expected <property>, found <${element.name}>`);
  }
}

function addProperty(properties: Map<string, Property>, file: string, element: XmlElement): void {
  const part = (name: string): string | undefined =>
    element.children.find((child) => child.name === name)?.text ?? element.attributes.get(name);
  const key = part('name')?.trim() ?? '';
  if (key === '') throw broken(file, 'found a <property> without <name>');
  if (properties.get(key)?.final === true) return;
  const value = part('value');
  if (value !== undefined) properties.set(key, { value, file, final: part('final')?.trim() === 'true' });
}

function addInclude(properties: Map<string, Property>, file: string, element: XmlElement, depth: number): void {
  const href = element.attributes.get('href') ?? '';
  if (href === '' || /^[a-z]+:(?!\/\/\/)/i.test(href))
    throw broken(file, `expected xi:include of a file, found ${JSON.stringify(href)}`);
  if (depth >= INCLUDE_DEPTH_MAX)
    throw broken(file, `expected at most ${INCLUDE_DEPTH_MAX} includes within each other`);
  const target = path.resolve(path.dirname(file), href.replace(/^file:\/\//, ''));
  const fallback = element.children.find(({ name }) => name === 'fallback');
  const text = readText(target, fallback === undefined);
  if (text !== null) addFile(properties, target, text, depth + 1);
  else if (fallback !== undefined) addElements(properties, file, fallback, depth);
}

function parseFile(file: string, text: string): XmlElement {
  try {
    return parseXml(text);
  } catch (err) {
    if (!(err instanceof XmlError)) throw err;
    throw new AppError('HADOOP_CONFIG_INVALID', `${file}, line ${err.line}: ${err.message}`, {
      cause: err,
      details: { file, line: err.line },
    });
  }
}

function broken(file: string, problem: string): AppError {
  return new AppError('HADOOP_CONFIG_INVALID', `${file}: ${problem}`, { details: { file } });
}
