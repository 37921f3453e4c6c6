import { Dataset, DatasetOptions, DatasetSource, FeatureProfile, FeatureWarning } from '../dataset.ts';
import { nullable, strict } from '../schema.ts';
import { FeatureTypeSchema } from '../vocabulary.ts';
import { Name, pageOf } from './common.ts';
import { Type, type Static } from '../type.ts';

/** `POST /datasets` as JSON. */
export const CreateDatasetRequest = strict({
  name: Name,
  source: DatasetSource,
  options: Type.Optional(DatasetOptions),
});
export type CreateDatasetRequest = Static<typeof CreateDatasetRequest>;

/** `POST /datasets` as multipart form; `options` is the JSON text of {@link DatasetOptions}. */
export const CreateDatasetForm = strict({
  file: Type.String({
    contentMediaType: 'application/octet-stream',
    description: 'csv, tsv, json lines (plain or .gz) or parquet',
  }),
  name: Type.Optional(Name),
  options: Type.Optional(Type.String({ description: 'JSON text of delimiter, encoding, header, nullMarkers' })),
});

export const DatasetPage = pageOf(Dataset);
export const FeaturePage = pageOf(FeatureProfile);

/** Sample rows: exact cell texts by feature name, null for NULL; `columns` has the order of the file. */
export const DatasetRows = strict({
  columns: Type.Array(Type.String()),
  data: Type.Array(Type.Record(Type.String(), nullable(Type.String()))),
  next: Type.Null(),
});
export type DatasetRows = Static<typeof DatasetRows>;

/** Everything a person should know about the data before modelling. */
export const DatasetQuality = strict({
  datasetId: Type.String(),
  data: Type.Array(
    strict({
      feature: nullable(Type.String({ description: 'null: the table as a whole' })),
      ...FeatureWarning.properties,
    }),
  ),
  next: Type.Null(),
});
export type DatasetQuality = Static<typeof DatasetQuality>;

export const PatchFeatureRequest = strict({ type: FeatureTypeSchema });
