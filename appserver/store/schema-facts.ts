import { AppError } from '#contracts';
import { rawRows, type Queryable } from './dialect.ts';

/** A column as the database itself describes it. */
export interface ColumnFacts {
  readonly name: string;
  /** The dialect's own name of the type. */
  readonly type: string;
  readonly nullable: boolean;
  readonly hasDefault: boolean;
}

/** A table as the database itself describes it. */
export interface TableFacts {
  readonly name: string;
  /** In the order of their creation. */
  readonly columns: readonly ColumnFacts[];
  /** Names of the key's columns in its order; never empty. */
  readonly primaryKey: readonly string[];
  /** Names of the tables that its foreign keys point to. */
  readonly references: readonly string[];
}

interface ColumnRow {
  readonly table_name: string;
  readonly name: string;
  readonly type: string;
  readonly not_null: number;
  readonly has_default: number;
  /** Place in the primary key from 1; 0 or null: not in it. */
  readonly key_place: number | null;
}

interface ReferenceRow {
  readonly table_name: string;
  readonly target: string;
}

const SQLITE_TABLES = `from sqlite_master where sqlite_master.type = 'table' and sqlite_master.name not like 'sqlite%'`;
const SQLITE_COLUMNS = `
  select sqlite_master.name as table_name, facts.name, facts.type, facts."notnull" as not_null,
    case when facts.dflt_value is null then 0 else 1 end as has_default, facts.pk as key_place
  ${SQLITE_TABLES.replace('where', 'join pragma_table_info(sqlite_master.name) as facts where')}
  order by sqlite_master.name, facts.cid`;
const SQLITE_REFERENCES = `
  select distinct sqlite_master.name as table_name, facts."table" as target
  ${SQLITE_TABLES.replace('where', 'join pragma_foreign_key_list(sqlite_master.name) as facts where')}`;

const POSTGRES_SCHEMA = `relnamespace = (select oid from pg_namespace where nspname = current_schema())`;
const POSTGRES_COLUMNS = `
  select tables.relname as table_name, facts.attname as name, format_type(facts.atttypid, facts.atttypmod) as type,
    facts.attnotnull::int as not_null, facts.atthasdef::int as has_default,
    array_position(keys.conkey, facts.attnum) as key_place
  from pg_class tables
  join pg_attribute facts on facts.attrelid = tables.oid and facts.attnum > 0 and not facts.attisdropped
  left join pg_constraint keys on keys.conrelid = tables.oid and keys.contype = 'p'
  where tables.${POSTGRES_SCHEMA} and tables.relkind = 'r'
  order by tables.relname collate "C", facts.attnum`;
const POSTGRES_REFERENCES = `
  select distinct tables.relname as table_name, targets.relname as target
  from pg_constraint keys
  join pg_class tables on tables.oid = keys.conrelid
  join pg_class targets on targets.oid = keys.confrelid
  where keys.contype = 'f' and tables.${POSTGRES_SCHEMA}`;

/** All tables of the database's (PostgreSQL: the current) schema by name. @throws INTERNAL for one without primary key */
export async function readTables(db: Queryable): Promise<TableFacts[]> {
  const isSqlite = db.dialect.name === 'sqlite';
  const columns = await rawRows<ColumnRow>(db, isSqlite ? SQLITE_COLUMNS : POSTGRES_COLUMNS);
  const references = await rawRows<ReferenceRow>(db, isSqlite ? SQLITE_REFERENCES : POSTGRES_REFERENCES);
  const byTable = Map.groupBy(columns, (column) => column.table_name);
  return [...byTable].map(([name, found]) => ({
    name,
    columns: found.map((column) => ({
      name: column.name,
      type: column.type,
      nullable: column.not_null === 0 && (column.key_place ?? 0) === 0,
      hasDefault: column.has_default === 1,
    })),
    primaryKey: keyOf(name, found),
    references: references.filter(({ table_name }) => table_name === name).map(({ target }) => target),
  }));
}

function keyOf(table: string, columns: readonly ColumnRow[]): string[] {
  const key = columns.filter(({ key_place }) => (key_place ?? 0) > 0);
  if (key.length === 0) throw new AppError('INTERNAL', `table ${table} has no primary key`);
  return key.toSorted((a, b) => (a.key_place ?? 0) - (b.key_place ?? 0)).map(({ name }) => name);
}

/** Tables in an order in which each comes after those that its foreign keys point to. */
export function inReferenceOrder(tables: readonly TableFacts[]): TableFacts[] {
  const ordered: TableFacts[] = [];
  const done = new Set<string>();
  const isReady = ({ name, references }: TableFacts) =>
    !done.has(name) && references.every((target) => target === name || done.has(target));
  while (ordered.length < tables.length) {
    const next = tables.find(isReady);
    if (next === undefined) throw new AppError('INTERNAL', 'foreign keys of the schema form a circle');
    ordered.push(next);
    done.add(next.name);
  }
  return ordered;
}
