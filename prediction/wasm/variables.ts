import { get, i32Add, set, type Code, type ValueType } from './assembler.ts';

/** Variables of a function by name. */
export interface NamedVariables<N extends string> {
  readonly read: (name: N) => Code;
  readonly write: (name: N, value: Code) => Code;
  /** Adds to a variable of integers. */
  readonly step: (name: N, by: Code) => Code;
  /** As `WasmFunction` takes them. */
  readonly parameters: readonly ValueType[];
  readonly variables: readonly ValueType[];
}

type Types<N extends string> = Readonly<Partial<Record<N, ValueType>>>;

/** Numbers variables in the order in which they are named, parameters first. */
export function variables<N extends string>(parameters: Types<N>, others: Types<N>): NamedVariables<N> {
  const numbers = new Map([...Object.keys(parameters), ...Object.keys(others)].map((name, index) => [name, index]));
  const numberOf = (name: N): number => numbers.get(name) ?? NaN;
  return {
    read: (name) => get(numberOf(name)),
    write: (name, value) => set(numberOf(name), value),
    step: (name, by) => set(numberOf(name), i32Add(get(numberOf(name)), by)),
    parameters: Object.values<ValueType>(parameters as never),
    variables: Object.values<ValueType>(others as never),
  };
}
