import { Id, Sha256, Timestamp, nullable, oneOf, strict } from '../schema.ts';
import { Type, type Static } from '../type.ts';

/** Where a model can predict without Trainyard: a SELECT for a database, a graph for ONNX Runtime. */
export const EXPORT_HOMES = ['postgresql', 'hive', 'onnx'] as const;
export type ExportHome = (typeof EXPORT_HOMES)[number];

/** The table that exported SQL reads unless another one is named. */
export const EXPORT_TABLE = 'trainyard_input';

export const ExportParams = strict({ id: Id, home: oneOf(EXPORT_HOMES) });

export const ExportQuery = strict({
  table: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 500,
      description: `SQL: the table with the features' columns, dots between its parts; default ${EXPORT_TABLE}`,
    }),
  ),
  keep: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 5_000,
      description: 'SQL: columns of the table that the answer has too, commas between them',
    }),
  ),
});
export type ExportQuery = Static<typeof ExportQuery>;

/** What a home has predicted for the rows of the parity archive. */
export const CertifyRequest = strict({
  measured: Type.String({
    minLength: 1,
    description: 'comma-separated: what the database answered, or measured.csv',
  }),
});

/**
 * Says that a model's export has predicted at its home what the model predicts. The signature is the installation's (Ed25519) over the canonical JSON
 * (RFC 8785) of the document without `signature` and `publicKey`.
 */
export const ParityCertificate = strict(
  {
    formatVersion: Type.Integer({ minimum: 1 }),
    modelId: Id,
    contentHash: Sha256,
    home: oneOf(EXPORT_HOMES),
    engine: Type.String({ description: 'program and version that has predicted, as it named itself' }),
    programVersion: Type.String({ description: 'of Trainyard, which wrote the export' }),
    exportSha256: Type.String({
      ...Sha256,
      description: 'of the export: of SQL over the table of that default name, without kept columns',
    }),
    rowCount: Type.Integer({ description: 'rows compared' }),
    dataRowCount: Type.Integer({ description: 'of these, sample rows of the dataset; the others are made' }),
    holdoutRowCount: nullable(
      Type.Integer({ description: 'of these, rows of the holdout; null: the predictions that tell are too many' }),
    ),
    valueCount: Type.Integer({ description: 'values or probabilities compared' }),
    equalCount: Type.Integer({ description: 'of these, the same to the last bit' }),
    absoluteDifferenceMax: Type.Number(),
    relativeDifferenceMax: Type.Number({ description: 'of the larger magnitude of the two' }),
    bound: Type.Number({ description: 'what was accepted: of a value, or of 1 where it is smaller' }),
    labelDifferenceCount: Type.Integer({
      description: 'labels that differ, all of them where probabilities are within the bound of where labels change',
    }),
    measuredBy: Type.String({ description: 'user who handed the predictions in' }),
    createdAt: Timestamp,
    signature: Type.String({ description: 'base64' }),
    publicKey: Type.String({ description: 'SPKI, PEM' }),
  },
  { $id: 'ParityCertificate' },
);
export type ParityCertificate = Static<typeof ParityCertificate>;
export const PARITY_CERTIFICATE_VERSION = 1;
