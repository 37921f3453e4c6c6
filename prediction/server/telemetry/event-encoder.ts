import {
  EVENT_FEATURES_MAX,
  type EventSchema,
  type EventValueKind,
  type ManifestFeature,
  type TelemetrySettings,
} from '#contracts';
import { cellReader, type RawRow, type RowPrediction } from '#scoring';
import { writeEventHead, writeKey, writeMissing, writeNumber, writePlace, type ByteWriter } from '#telemetry';
import type { ServedDeployment } from '../deployments.ts';

/** Writes predicted rows of one served deployment as events. */
export interface EventEncoder {
  readonly schema: EventSchema;
  /**
   * @param row as it was predicted: what cannot be read was refused then
   * @param prediction of this very row
   * @param rules bits of the humility rules that hold
   */
  encode(
    writer: ByteWriter,
    schemaId: number,
    row: RawRow,
    prediction: RowPrediction,
    associationId: string | null,
    rules: number,
  ): void;
}

/** Compiled once a served deployment. Values are read by the model's own rules: numbers as numbers, categories by key. */
export function eventEncoder(
  { record, artifact }: ServedDeployment,
  settings: TelemetrySettings | undefined,
): EventEncoder {
  const { manifest, inputFeatures } = artifact.scorer;
  const { features, classes } = manifest.content;
  const { humility: rules, segments: wanted = [] } = record.settings;
  const allowed = settings?.features === undefined ? null : new Set(settings.features);
  const read = new Set(inputFeatures);
  const told = [...features.entries()]
    .filter(([, { name }]) => read.has(name) && (allowed === null || allowed.has(name)))
    .slice(0, EVENT_FEATURES_MAX);
  const toldFeatures = told.map(([, feature]) => ({ name: feature.name, kind: kindOf(feature) }));
  const segments = wanted.filter((name) => toldFeatures.some((one) => one.name === name && one.kind === 'category'));
  const schema: EventSchema = {
    deploymentId: record.deploymentId,
    modelId: record.modelId,
    manifestSha256: record.manifestSha256,
    classes: [...classes],
    features: toldFeatures,
    ...(rules === undefined ? {} : { rules: rules.map(({ name }) => name) }),
    ...(segments.length === 0 ? {} : { segments }),
  };
  const writers = told.map(([index, feature]) => ({ index, name: feature.name, write: valueWriter(feature, index) }));
  return {
    schema,
    encode: (writer, schemaId, row, prediction, associationId, held) => {
      writeEventHead(writer, schemaId, associationId, prediction, held);
      const isList = Array.isArray(row);
      for (const { index, name, write } of writers) {
        // The casts hold: what is no array is the record of the union (Array.isArray does not narrow readonly arrays).
        const cell = isList ? (row as readonly unknown[])[index] : (row as Readonly<Record<string, unknown>>)[name];
        write(writer, cell, prediction);
      }
    },
  };
}

function kindOf({ type, parse }: ManifestFeature): EventValueKind {
  if (type === 'text') return 'text';
  return parse.kind === 'geo' ? 'place' : parse.kind;
}

type ValueWriter = (writer: ByteWriter, cell: unknown, prediction: RowPrediction) => void;

function valueWriter(feature: ManifestFeature, index: number): ValueWriter {
  const reader = cellReader(feature.parse);
  const place = new Float64Array(2);
  if (reader.kind === 'category') {
    const isText = feature.type === 'text';
    return (writer, cell, prediction) => {
      const key = reader.read(cell) ?? null;
      if (key === null) writeMissing(writer);
      else if (isText) writeNumber(writer, key.length);
      else writeKey(writer, key, isUnseen(prediction, index));
    };
  }
  const { kind, read } = reader;
  return (writer, cell) => {
    if (!read(cell, place, 0) || Number.isNaN(place[0])) writeMissing(writer);
    else if (kind === 'geo') writePlace(writer, place[0] ?? NaN, place[1] ?? NaN);
    else writeNumber(writer, place[0] ?? NaN);
  };
}

function isUnseen({ unseenLevelCount, unseenFeatures }: RowPrediction, feature: number): boolean {
  for (let at = 0; at < unseenLevelCount; at += 1) if (unseenFeatures[at] === feature) return true;
  return false;
}
