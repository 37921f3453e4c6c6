import { EVENT_CLASSES_MAX, type EventSchema } from '#contracts';
import type { ParquetColumn, ParquetKind } from '#parquet';
import type { EventValue, TelemetryEvent } from '#telemetry';

/** Events of one schema as columns of a file. */
export interface EventColumns {
  add(epoch: string, event: TelemetryEvent): void;
  readonly rowCount: number;
  columns(): readonly ParquetColumn[];
}

interface Column {
  readonly name: string;
  readonly kind: ParquetKind;
  readonly valueOf: (event: TelemetryEvent, epoch: string) => string | number | null;
  readonly values: (string | number | null)[];
}

type Named = Omit<Column, 'values'>;

/**
 * What the event is first, then the prediction, then a column a feature (of a place two): a number; an instant of a date; the key of a category; of a
 * text its length. Names are told apart without regard to case, as Hive does: a feature whose name is taken gets `_2`.
 */
export function createEventColumns(schema: EventSchema): EventColumns {
  const columns = distinct([
    ...EVENT,
    ...ruleColumns(schema),
    ...predictionColumns(schema),
    ...championColumns(schema),
    ...schema.features.flatMap(featureColumns),
  ]);
  let rowCount = 0;
  return {
    add: (epoch, event) => {
      for (const { values, valueOf } of columns) values.push(valueOf(event, epoch));
      rowCount += 1;
    },
    get rowCount() {
      return rowCount;
    },
    columns: () => columns,
  };
}

const EVENT: readonly Named[] = [
  { name: 'event_epoch', kind: 'text', valueOf: (_event, epoch) => epoch },
  { name: 'event_number', kind: 'integer', valueOf: ({ number }) => number },
  { name: 'event_time', kind: 'instant', valueOf: ({ timeMs }) => timeMs },
  { name: 'event_model', kind: 'text', valueOf: ({ schema }) => schema.modelId },
  { name: 'event_association_id', kind: 'text', valueOf: ({ associationId }) => associationId },
];

/** Names of the humility rules that held for the row, after commas; null where none did. */
function ruleColumns({ rules = [] }: EventSchema): Named[] {
  if (rules.length === 0) return [];
  const valueOf = ({ rules: held }: TelemetryEvent): string | null => {
    const names = rules.filter((_, index) => Math.floor(held / 2 ** index) % 2 === 1);
    return names.length === 0 ? null : names.join(', ');
  };
  return [{ name: 'event_rules', kind: 'text', valueOf }];
}

/** Of a challenger's events: the model that answered, and what it predicted. */
function championColumns({ champion, classes }: EventSchema): Named[] {
  if (champion === undefined) return [];
  const isRegression = classes.length === 0;
  return [
    { name: 'event_champion', kind: 'text', valueOf: () => champion.modelId },
    {
      name: 'champion_prediction',
      kind: isRegression ? 'double' : 'text',
      valueOf: ({ champion: told }) =>
        isRegression ? (told?.value ?? null) : (classes[told?.classIndex ?? -1] ?? null),
    },
  ];
}

function predictionColumns({ classes }: EventSchema): Named[] {
  if (classes.length === 0) return [{ name: 'prediction', kind: 'double', valueOf: ({ value }) => value }];
  const prediction: Named = {
    name: 'prediction',
    kind: 'text',
    valueOf: ({ classIndex }) => classes[classIndex] ?? null,
  };
  // Of many classes the probability of the predicted one alone is told.
  if (classes.length > EVENT_CLASSES_MAX)
    return [
      prediction,
      { name: 'prediction_probability', kind: 'double', valueOf: ({ probabilities }) => probabilities[0] ?? null },
    ];
  return [
    prediction,
    ...classes.map((label, index) => ({
      name: `probability_${label}`,
      kind: 'double' as const,
      valueOf: ({ probabilities }: TelemetryEvent) => probabilities[index] ?? null,
    })),
  ];
}

function featureColumns({ name, kind }: EventSchema['features'][number], index: number): Named[] {
  const of =
    (read: (value: Exclude<EventValue, null>) => string | number | null): Named['valueOf'] =>
    ({ values }) => {
      const value = values[index] ?? null;
      return value === null ? null : read(value);
    };
  switch (kind) {
    case 'number':
      return [{ name, kind: 'double', valueOf: of(numberOf) }];
    case 'date':
      return [{ name, kind: 'instant', valueOf: of(instantOf) }];
    case 'text':
      return [{ name: `${name}_length`, kind: 'integer', valueOf: of(numberOf) }];
    case 'category':
      return [
        {
          name,
          kind: 'text',
          valueOf: of((value) => (typeof value === 'object' && 'key' in value ? value.key : null)),
        },
      ];
    case 'place':
      return (['latitude', 'longitude'] as const).map((part) => ({
        name: `${name}_${part}`,
        kind: 'double' as const,
        valueOf: of((value) => (typeof value === 'object' && 'latitude' in value ? value[part] : null)),
      }));
  }
}

const numberOf = (value: Exclude<EventValue, null>): number | null => (typeof value === 'number' ? value : null);

/** Seconds as milliseconds; a date beyond what integers hold is none. */
function instantOf(value: Exclude<EventValue, null>): number | null {
  const ms = typeof value === 'number' ? Math.round(value * 1000) : NaN;
  return Number.isSafeInteger(ms) ? ms : null;
}

function distinct(columns: readonly Named[]): Column[] {
  const taken = new Set<string>();
  return columns.map((column) => {
    let name = column.name;
    for (let copy = 2; taken.has(name.toLowerCase()); copy += 1) name = `${column.name}_${copy}`;
    taken.add(name.toLowerCase());
    return { ...column, name, values: [] };
  });
}
