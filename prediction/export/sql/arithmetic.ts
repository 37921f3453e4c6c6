import type { Arithmetic } from '../model/arithmetic.ts';
import type { SqlDialect } from './dialect.ts';
import { sqlOf, type Sql, type SqlLayers } from './layers.ts';

/** Arithmetic of doubles in SQL. */
export function sqlArithmetic(dialect: SqlDialect, { keep }: SqlLayers): Arithmetic<Sql> {
  const infix = (sign: string) => (a: Sql, b: Sql) => sqlOf(`(${a.text} ${sign} ${b.text})`, [a, b]);
  const call = (name: string) => (a: Sql) => sqlOf(`${name}(${a.text})`, [a]);
  return {
    constant: (value) => ({ text: dialect.number(value), layer: 0 }),
    add: infix('+'),
    subtract: infix('-'),
    multiply: infix('*'),
    divide: infix('/'),
    floor: call('floor'),
    wave: (share, isSine) =>
      sqlOf(`${isSine ? 'sin' : 'cos'}(${dialect.number(2 * Math.PI)} * ${share.text})`, [share]),
    within: (a, limit) => {
      const kept = keep(a);
      return sqlOf(`CASE WHEN abs(${kept.text}) <= ${dialect.number(limit)} THEN ${kept.text} END`, [kept]);
    },
    keep,
  };
}
