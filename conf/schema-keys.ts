import { oneOf, Type } from '#contracts';

/** What a leaf of the configuration says about itself beside its type. */
export interface KeyOptions {
  readonly description: string;
  readonly default: string | number | boolean | readonly string[];
  /** Environment variable, when it is not TRAINYARD_ + the key in upper snake case. */
  readonly env?: string;
  /** The value is never printed. */
  readonly secret?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
}

export const text = (options: KeyOptions) => Type.Unsafe<string>({ type: 'string', ...options });
export const integer = (options: KeyOptions) => Type.Unsafe<number>({ type: 'integer', ...options });
export const list = (options: KeyOptions) =>
  Type.Unsafe<string[]>({ type: 'array', items: { type: 'string' }, ...options });
export const choice = <const T extends readonly string[]>(values: T, options: KeyOptions) =>
  Type.Unsafe<T[number]>({ ...oneOf(values), ...options });

export const port = (description: string, value: number) =>
  integer({ description, default: value, minimum: 0, maximum: 65535 });
export const millis = (description: string, value: number) =>
  integer({ description: `${description}, milliseconds`, default: value, minimum: 1 });
export const HOUR_MS = 3_600_000;
export const GIB = 1024 ** 3;
export const MIB = 1024 ** 2;
