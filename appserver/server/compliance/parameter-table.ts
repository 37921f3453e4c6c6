import type { Parameters } from '#contracts';
import { code, number, paragraph, table, text } from './layout.ts';
import { named, type Markup } from './markup.ts';
import { figure } from './numbers.ts';
import { meaningOf } from './parameters.ts';

/** A parameter, its value, and where that comes from. */
export interface ParameterRow {
  readonly name: string;
  readonly value: string;
  readonly origin: string;
}

/** Parameters by name, of three origins. */
export interface GivenParameters {
  /** Of the blueprint, as this program has it. */
  readonly defaults: Parameters;
  readonly asked: Parameters;
  /** What the fit was made with. */
  readonly used: Readonly<Record<string, unknown>>;
}

/** Every parameter with its value and whether that is the blueprint’s own; lists and objects have a place of their own in the report. */
export function parameterRows({ defaults, asked, used }: GivenParameters): ParameterRow[] {
  const all = new Set(
    [...Object.keys(defaults), ...Object.keys(used)].filter((name) => typeof used[name] !== 'object'),
  );
  return [...all].map((name) => {
    const value = used[name];
    return {
      name,
      value: value === undefined ? 'not recorded' : wordOf(value),
      origin: originOf(asked[name], defaults[name], value),
    };
  });
}

function originOf(asked: unknown, fallback: unknown, value: unknown): string {
  if (asked !== undefined) {
    if (asked === fallback) return 'set, to the default';
    return fallback === undefined ? 'set' : `set; default ${wordOf(fallback)}`;
  }
  if (fallback === undefined) return 'of the fit';
  return value === undefined || value === fallback ? 'default' : `differs; default of this program ${wordOf(fallback)}`;
}

const wordOf = (value: unknown): string =>
  typeof value === 'number'
    ? figure(value)
    : typeof value === 'string' || typeof value === 'boolean'
      ? String(value)
      : '–';

/** A table of them with what each means in a model of this blueprint. */
export function parameterTable(rows: readonly ParameterRow[], blueprintId: string): Markup {
  if (rows.length === 0) return paragraph('The blueprint has no parameters.');
  return table('All parameters', rows, [
    text('Parameter', ({ name }) => code(name)),
    number('Value', ({ value }) => named(value)),
    text('Origin', ({ origin }) => origin),
    text('Meaning', ({ name }) => meaningOf(blueprintId, name) ?? '–'),
  ]);
}
