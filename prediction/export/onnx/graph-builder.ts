import type { Arithmetic } from '../model/arithmetic.ts';
import {
  INT64,
  ML_DOMAIN,
  type Attribute,
  type Graph,
  type GraphNode,
  type GraphValue,
  type Tensor,
} from './messages.ts';

/** The name of a tensor in a graph; of rows x 1 unless it is said otherwise. */
export type Value = string;

/** A graph that grows. */
export interface GraphBuilder {
  /** Adds a node with one output and names that. */
  readonly apply: (operator: string, inputs: readonly Value[], attributes?: GraphNode['attributes']) => Value;
  /** The same of the operators for machine learning. */
  readonly applyMl: (operator: string, inputs: readonly Value[], attributes: GraphNode['attributes']) => Value;
  /** Of equal ones there is one. */
  readonly constant: (tensor: Tensor) => Value;
  readonly number: (value: number) => Value;
  /** Adds an input. */
  readonly input: (value: GraphValue) => void;
  /** Gives a tensor the name of an output. */
  readonly output: (from: Value, value: GraphValue) => void;
  readonly arithmetic: Arithmetic<Value>;
  readonly graph: () => Graph;
}

/** Names of tensors within begin so, which no input's or output's does. */
const WITHIN = '\u0001';

export function graphBuilder(): GraphBuilder {
  const nodes: GraphNode[] = [];
  const constants = new Map<string, { readonly name: string; readonly tensor: Tensor }>();
  const inputs: GraphValue[] = [];
  const outputs: GraphValue[] = [];
  let count = 0;
  const add = (
    domain: string,
    operator: string,
    of: readonly Value[],
    attributes: Readonly<Record<string, Attribute>>,
  ): Value => {
    count += 1;
    const name = `${WITHIN}${count}`;
    nodes.push({ operator, domain, inputs: of, outputs: [name], attributes });
    return name;
  };
  const apply: GraphBuilder['apply'] = (operator, of, attributes = {}) => add('', operator, of, attributes);
  const constant: GraphBuilder['constant'] = (tensor) => {
    const key = JSON.stringify([tensor.type, tensor.dims, tensor.values.map((value) => textOf(value))]);
    const found = constants.get(key) ?? { name: `${WITHIN}c${constants.size}`, tensor };
    constants.set(key, found);
    return found.name;
  };
  const number = (value: number): Value => constant({ type: 'double', dims: [1, 1], values: [value] });
  const infix = (operator: string) => (a: Value, b: Value) => apply(operator, [a, b]);
  return {
    apply,
    applyMl: (operator, of, attributes) => add(ML_DOMAIN, operator, of, attributes),
    constant,
    number,
    input: (value) => void inputs.push(value),
    output: (from, value) => {
      nodes.push({ operator: 'Identity', domain: '', inputs: [from], outputs: [value.name], attributes: {} });
      outputs.push(value);
    },
    arithmetic: {
      constant: number,
      add: infix('Add'),
      subtract: infix('Sub'),
      multiply: infix('Mul'),
      divide: infix('Div'),
      floor: (a) => apply('Floor', [a]),
      wave: (share, isSine, { place, shares }) => {
        const angle = apply('Mul', [number(2 * Math.PI), share]);
        const isOnGrid = apply('Equal', [place, apply('Floor', [place])]);
        const index = apply('Cast', [apply('Where', [isOnGrid, place, number(0)])], {
          to: { kind: 'int', value: INT64 },
        });
        const values = shares.map((one) => (isSine ? Math.sin(2 * Math.PI * one) : Math.cos(2 * Math.PI * one)));
        const exact = apply('Gather', [constant({ type: 'double', dims: [values.length], values }), index]);
        return apply('Where', [isOnGrid, exact, apply(isSine ? 'Sin' : 'Cos', [angle])]);
      },
      within: (a, limit) => apply('Where', [apply('LessOrEqual', [apply('Abs', [a]), number(limit)]), a, number(NaN)]),
      keep: (a) => a,
    },
    graph: () => ({ nodes, constants: [...constants.values()], inputs, outputs }),
  };
}

/** JSON has no NaN, infinity or -0. */
const textOf = (value: string | number): string =>
  typeof value === 'string' ? `"${value}` : Object.is(value, -0) ? '-0' : String(value);
