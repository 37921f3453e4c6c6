import { markedNumbers } from '#scoring';
import { levelTest, type LevelTest } from '../model/levels.ts';
import { unsupported, type PortableInput } from '../model/portable-model.ts';
import type { SqlDialect } from './dialect.ts';
import { sqlOf, type Sql, type SqlLayers } from './layers.ts';

/** A feature's cell in SQL; null is missing. */
export interface SqlInput {
  /** The number, seconds since 1970 of a date, or the text of a category. */
  readonly value: Sql;
  /** Whether the cell is the level of a key, or null where none ever is. */
  readonly isLevel: (key: string) => Sql | null;
}

/**
 * Reads a feature of the table `t`, as `cellReader` reads typed values: numbers of any numeric type, dates of a date's or timestamp's, and
 * categories as their text.
 *
 * @throws EXPORT_UNSUPPORTED for dates where the database's versions disagree about them
 */
export function sqlInput(
  { feature }: PortableInput,
  column: string,
  dialect: SqlDialect,
  { keep }: SqlLayers,
): SqlInput {
  const { parse, name } = feature;
  const cell = `t.${dialect.identifier(column)}`;
  switch (parse.kind) {
    case 'number': {
      const read = keep({ text: dialect.asNumber(cell), layer: 0 });
      const missing = [
        dialect.isNan(read.text),
        ...markedNumbers(parse.nullMarkers).map((marker) => `${read.text} = ${dialect.number(marker)}`),
      ];
      const value = keep(sqlOf(`CASE WHEN ${missing.join(' OR ')} THEN NULL ELSE ${read.text} END`, [read]));
      return { value, isLevel: (key) => testOf(levelTest(parse, key), value, value, dialect) };
    }
    case 'date':
      if (dialect.asSeconds === null)
        throw unsupported(
          `feature ${JSON.stringify(name)} is a date, which versions of ${dialect.name} count from different zones`,
        );
      return { value: keep({ text: dialect.asSeconds(cell), layer: 0 }), isLevel: () => null };
    case 'category': {
      const read = keep({ text: dialect.asText(cell), layer: 0 });
      const markers = ['', ...parse.nullMarkers].flatMap((marker) => dialect.text(marker) ?? []);
      const text = keep(
        sqlOf(`CASE WHEN ${read.text} IN (${[...new Set(markers)].join(', ')}) THEN NULL ELSE ${read.text} END`, [
          read,
        ]),
      );
      if (parse.keyRule === 'boolean') {
        const word = keep(
          sqlOf(`CASE WHEN lower(${text.text}) IN ('true', 'false') THEN lower(${text.text}) ELSE ${text.text} END`, [
            text,
          ]),
        );
        return { value: word, isLevel: (key) => testOf(levelTest(parse, key), word, word, dialect) };
      }
      if (parse.keyRule === 'text')
        return { value: text, isLevel: (key) => testOf(levelTest(parse, key), text, text, dialect) };
      const number = keep(
        sqlOf(`CASE WHEN ${dialect.isNumeral(text.text)} THEN ${dialect.asNumber(text.text)} END`, [text]),
      );
      return { value: text, isLevel: (key) => testOf(levelTest(parse, key), text, number, dialect) };
    }
    case 'geo':
      throw unsupported(`feature ${JSON.stringify(name)} is a place, which has no equal outside of Trainyard`);
  }
}

function testOf(test: LevelTest | null, text: Sql, number: Sql, dialect: SqlDialect): Sql | null {
  if (test === null) return null;
  if (test.kind === 'number') return sqlOf(`${number.text} = ${dialect.number(test.value)}`, [number]);
  const literal = dialect.text(test.text);
  return literal === null ? null : sqlOf(`${text.text} = ${literal}`, [text]);
}
