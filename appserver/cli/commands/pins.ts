import { AppError } from '#contracts';

type Value = number | boolean | string;

/**
 * Pinned parameters as the REST API takes them, of words `parameter=value` or `blueprint.parameter=value`.
 *
 * @throws BAD_REQUEST for a word without a name or a value
 */
export function pinsOf(words: readonly string[]): Record<string, Value | Record<string, Value>> {
  const pins = new Map<string, Value | Map<string, Value>>();
  for (const word of words) {
    const [, blueprint, name, text] = /^(?:([^.=]+)\.)?([^.=]+)=(.+)$/.exec(word) ?? [];
    if (name === undefined || text === undefined)
      throw new AppError(
        'BAD_REQUEST',
        `--pin ${JSON.stringify(word)}: expected parameter=value or blueprint.parameter=value`,
      );
    if (blueprint === undefined) pins.set(name, valueOf(text));
    else {
      const known = pins.get(blueprint);
      const own = known instanceof Map ? known : new Map<string, Value>();
      pins.set(blueprint, own.set(name, valueOf(text)));
    }
  }
  return Object.fromEntries([...pins].map(([name, pin]) => [name, pin instanceof Map ? Object.fromEntries(pin) : pin]));
}

function valueOf(text: string): Value {
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
}
