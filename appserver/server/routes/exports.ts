import { Readable } from 'node:stream';
import { CertifyRequest, ExportParams, ExportQuery, ParityCertificate } from '#contracts';
import { route, type Route } from '../route.ts';
import { certifyParity, exportModel, parityArchive } from '../services/exports.ts';
import { asFile } from '../services/streams.ts';
import { zipStream } from '../services/zip.ts';

const tag = 'models';

/** A row of 100 classes is some 2 KB; the rows are 3,000. */
const MEASURED_BYTES_MAX = 64 * 1024 ** 2;

const exported = route({
  method: 'GET',
  path: '/api/v1/models/{id}/exports/{home}',
  summary: 'The model for another home: one SELECT, or an ONNX graph',
  tag,
  access: 'user',
  params: ExportParams,
  query: ExportQuery,
  answers: {
    200: { description: 'the export', mediaTypes: ['application/sql', 'application/octet-stream'] },
  },
  handler: async ({ database, store, verifier }, { caller, params, query }) => {
    const asked = { modelId: params.id, home: params.home };
    const { bytes } = await exportModel({ database, store, verifier }, caller, asked, query);
    const isGraph = params.home === 'onnx';
    return {
      status: 200,
      headers: asFile(`${params.id}-${params.home}.${isGraph ? 'onnx' : 'sql'}`),
      raw: Buffer.from(bytes),
      mediaType: isGraph ? 'application/octet-stream' : 'application/sql; charset=utf-8',
    };
  },
});

const parity = route({
  method: 'GET',
  path: '/api/v1/models/{id}/exports/{home}/parity',
  summary: 'The export with rows to be predicted by it, so that the home can be compared with the model',
  tag,
  access: 'user',
  params: ExportParams,
  answers: { 200: { description: 'a zip archive', mediaTypes: ['application/zip'] } },
  handler: async ({ database, store, verifier }, { caller, params }) => {
    const asked = { modelId: params.id, home: params.home };
    const files = await parityArchive({ database, store, verifier }, caller, asked);
    const { stream, sizeBytes } = await zipStream(
      files.map(({ name, bytes }) => ({ name, sizeBytes: bytes.length, read: () => Readable.from([bytes]) })),
    );
    return {
      status: 200,
      headers: { ...asFile(`${params.id}-${params.home}-parity.zip`), 'content-length': String(sizeBytes) },
      raw: stream,
      mediaType: 'application/zip',
    };
  },
});

const certificate = route({
  method: 'POST',
  path: '/api/v1/models/{id}/exports/{home}/certificates',
  summary: 'A signed certificate that the home has predicted what the model predicts; refused where it has not',
  tag,
  access: 'user',
  scopes: ['read'],
  params: ExportParams,
  body: CertifyRequest,
  bodyBytesMax: MEASURED_BYTES_MAX,
  answers: { 200: { description: 'the certificate, which is kept nowhere else', schema: ParityCertificate } },
  handler: async ({ database, store, verifier, signer }, { caller, params, body }) => {
    const asked = { modelId: params.id, home: params.home };
    return {
      status: 200,
      body: await certifyParity({ database, store, verifier }, signer, caller, asked, body.measured),
    };
  },
});

/** Models for other homes, and certificates of their parity. */
export const exportRoutes: readonly Route[] = [exported, parity, certificate];
