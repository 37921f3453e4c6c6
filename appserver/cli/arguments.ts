import { parseArgs } from 'node:util';
import { AppError } from '#contracts';

/** A flag of a command: `text` takes a value, `list` takes values separated by commas, `switch` takes none. */
export interface FlagSpec {
  readonly kind: 'text' | 'integer' | 'number' | 'list' | 'switch';
  readonly description: string;
  readonly short?: string;
}

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

type FlagValue<S extends FlagSpec> = S['kind'] extends 'switch'
  ? boolean
  : S['kind'] extends 'list'
    ? readonly string[] | undefined
    : S['kind'] extends 'integer' | 'number'
      ? number | undefined
      : string | undefined;

/** Parsed flags by name and the words that are no flags. */
export interface Arguments<F extends FlagSpecs> {
  readonly flags: { readonly [K in keyof F]: FlagValue<F[K]> };
  readonly words: readonly string[];
}

/**
 * Parses a command's words by its flags.
 *
 * @throws BAD_REQUEST naming the flag that is unknown, lacks its value or is no number
 */
export function parseArguments<F extends FlagSpecs>(argv: readonly string[], specs: F, wordsMax: number): Arguments<F> {
  let parsed;
  try {
    parsed = parseArgs({ args: [...argv], options: optionsOf(specs), allowPositionals: true, strict: true });
  } catch (err) {
    throw new AppError(
      'BAD_REQUEST',
      err instanceof Error ? (err.message.split('. To specify')[0] ?? err.message) : String(err),
    );
  }
  if (parsed.positionals.length > wordsMax)
    throw new AppError('BAD_REQUEST', `unexpected argument ${JSON.stringify(parsed.positionals[wordsMax])}`);
  const flags: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(specs)) flags[name] = valueOf(name, spec, parsed.values[kebab(name)]);
  // The cast holds: valueOf gives each flag the value that FlagValue names for its kind.
  return { flags: flags as Arguments<F>['flags'], words: parsed.positionals };
}

function optionsOf(specs: FlagSpecs) {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {};
  for (const [name, spec] of Object.entries(specs)) {
    options[kebab(name)] = {
      type: spec.kind === 'switch' ? 'boolean' : 'string',
      ...(spec.short === undefined ? {} : { short: spec.short }),
    };
  }
  return options;
}

function valueOf(name: string, spec: FlagSpec, value: unknown): unknown {
  if (spec.kind === 'switch') return value === true;
  if (typeof value !== 'string') return undefined;
  switch (spec.kind) {
    case 'text':
      return value;
    case 'list':
      return value.split(',').filter((item) => item !== '');
    case 'integer':
      if (/^\d+$/.test(value)) return Number(value);
      throw new AppError('BAD_REQUEST', `--${kebab(name)} must be a whole number; found ${JSON.stringify(value)}`);
    case 'number': {
      const number = Number(value);
      if (value.trim() !== '' && Number.isFinite(number)) return number;
      throw new AppError('BAD_REQUEST', `--${kebab(name)} must be a number; found ${JSON.stringify(value)}`);
    }
  }
}

/** `timeBudget` as it is typed: `time-budget`. */
export const kebab = (name: string): string => name.replaceAll(/([a-z])([A-Z])/g, '$1-$2').toLowerCase();
