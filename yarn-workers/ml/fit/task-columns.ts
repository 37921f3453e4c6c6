import {
  AppError,
  type ColumnRequest,
  type FeatureType,
  type ManifestFeature,
  type ModellingFeature,
  type ParseRule,
  type StoredColumn,
  type TrainTask,
} from '#contracts';
import { columnRequest } from '#scoring';

/** A feature of the task: how artefacts name and read it, and how the table's column is asked for. */
export interface TaskFeature {
  readonly manifest: ManifestFeature;
  readonly request: ColumnRequest;
}

/** @throws COLUMN_UNKNOWN when the table has no such column */
export function storedColumn({ table }: Pick<TrainTask, 'table'>, name: string): StoredColumn {
  const column = table.columns.find((candidate) => candidate.name === name);
  if (column === undefined) throw new AppError('COLUMN_UNKNOWN', `the table has no column ${JSON.stringify(name)}`);
  return column;
}

/** The task's features in its order. @throws COLUMN_UNKNOWN; INTERNAL where a type does not fit its column */
export function taskFeatures(task: {
  readonly table: TrainTask['table'];
  readonly features: readonly (Pick<ModellingFeature, 'name' | 'type'> & Partial<ModellingFeature>)[];
}): TaskFeature[] {
  const byName = new Map(task.table.columns.map((column) => [column.name, column]));
  return task.features.map(({ name, type }) => {
    const column = byName.get(name);
    if (column === undefined) throw new AppError('COLUMN_UNKNOWN', `the table has no column ${JSON.stringify(name)}`);
    const manifest: ManifestFeature = { name, type, parse: parseRuleFor(column, type) };
    return { manifest, request: columnRequest(manifest, column) };
  });
}

/** A column of numbers that is no feature: what its cells mean is told by its role. @throws COLUMN_UNKNOWN */
export function numberColumn(task: Pick<TrainTask, 'table'>, name: string): TaskFeature {
  const column = storedColumn(task, name);
  const manifest: ManifestFeature = { name, type: 'numeric', parse: parseRuleFor(column, 'numeric') };
  return { manifest, request: columnRequest(manifest, column) };
}

/** How cells are read for a feature type: the column's own rule, or as category keys where the type asks for categories or texts. */
export function parseRuleFor({ name, parse }: StoredColumn, type: FeatureType): ParseRule {
  switch (type) {
    case 'categorical':
    case 'boolean':
    case 'text':
      return asCategory(parse);
    case 'numeric':
    case 'currency':
    case 'percent':
    case 'duration':
      if (parse.kind === 'number') return parse;
      break;
    case 'date':
      if (parse.kind === 'date') return parse;
      break;
    case 'id':
    case 'constant':
      break;
    case 'geo':
      if (parse.kind === 'category') return { kind: 'geo', nullMarkers: parse.nullMarkers };
      break;
  }
  throw new AppError(
    'INTERNAL',
    `feature ${JSON.stringify(name)} of type ${type} cannot be modelled from a column read as ${parse.kind}`,
  );
}

/** A rule that reads the same cells as category keys. */
export function asCategory(parse: ParseRule): Extract<ParseRule, { kind: 'category' }> {
  if (parse.kind === 'category') return parse;
  return { kind: 'category', keyRule: parse.kind === 'number' ? 'number' : 'text', nullMarkers: parse.nullMarkers };
}
