import { Readable } from 'node:stream';
import { strict, Type } from '#contracts';
import { feedSequence, listCredentials } from '#store';
import { deploymentKey } from '#telemetry';
import type { Caller } from '../auth/caller.ts';
import type { AppContext } from '../context.ts';
import { rangeOf } from '../http/range.ts';
import { packagedGrants, packageEntries, packageFile, type PackagedDeployment } from '../packages/index.ts';
import { route, type Route } from '../route.ts';
import { readDeployment } from '../services/deployments.ts';
import { readReadyModel } from '../services/models.ts';
import { asFile } from '../services/streams.ts';
import { IdParams } from './params.ts';
import { grantOf, recordOf } from './serving.ts';

const MEDIA_TYPE = 'application/gzip';

const PackageQuery = strict({
  ownKey: Type.Optional(
    Type.Boolean({
      default: true,
      description:
        'whether the key of this request may ask the package for predictions, beside keys that may do nothing else',
    }),
  ),
});

const download = route({
  method: 'GET',
  path: '/api/v1/deployments/{id}/package',
  summary: 'A prediction server with this deployment and its model in one file, for a Linux host that reaches nobody',
  tag: 'deployments',
  access: 'user',
  params: IdParams,
  query: PackageQuery,
  answers: {
    200: { description: 'the file; Repr-Digest has its SHA-256', mediaTypes: [MEDIA_TYPE] },
    206: { description: 'the part that Range names', mediaTypes: [MEDIA_TYPE] },
  },
  handler: async (app, { caller, params, query, headers, signal }) => {
    const { store, signer } = app;
    const deployment = await packaged(app, caller, params.id, query.ownKey ?? true);
    const runtime = await app.packageRuntimes.find();
    const entries = await packageEntries(deployment, runtime, { store, signer, signal });
    const { sizeBytes, sha256, read } = await packageFile(entries, runtime, signal);
    const etag = `"${sha256.toString('hex')}"`;
    const ifRange = headers['if-range'];
    const asked = { range: headers.range, ifRange: typeof ifRange === 'string' ? ifRange : undefined };
    const range = rangeOf(asked, etag, sizeBytes);
    const { start, end } = range ?? { start: 0, end: sizeBytes };
    return {
      status: range === null ? 200 : 206,
      headers: {
        ...asFile(`trainyard-package-${params.id}-${deployment.feedSequence}.tar.gz`),
        etag,
        'repr-digest': `sha-256=:${sha256.toString('base64')}:`,
        'accept-ranges': 'bytes',
        'content-length': String(end - start),
        ...(range === null ? {} : { 'content-range': `bytes ${start}-${end - 1}/${sizeBytes}` }),
      },
      raw: Readable.from(read(start, end), { objectMode: false }),
      mediaType: MEDIA_TYPE,
    };
  },
});

/** The server in a package is of this program; the only model in it is that of the deployment. */
const KNOWN_PARTS = {
  ...{ intervals: true, telemetry: true, keyDeployments: true, humility: true, segments: true },
  challengers: false,
};

/** A deployment with its model and keys, as of one moment. @throws NOT_FOUND, MODEL_NOT_READY, CONFLICT without any key */
function packaged(
  { database, signer, telemetryKeys }: AppContext,
  caller: Caller,
  id: string,
  withOwnKey: boolean,
): Promise<PackagedDeployment> {
  return database.transaction(
    async (trx) => {
      const deployment = await readDeployment(trx, caller, id);
      const { trained } = await readReadyModel(trx, caller, deployment.modelId);
      const record = recordOf(
        { deployment, manifestSha256: trained.manifestSha256, challengers: [] },
        signer,
        KNOWN_PARTS,
      );
      const grants = (await listCredentials(trx)).map((key) => grantOf(key, KNOWN_PARTS));
      return {
        feedSequence: await feedSequence(trx),
        record,
        apiKeys: packagedGrants(grants, record, withOwnKey ? caller.keyId : null),
        artifactPath: trained.artifactPath,
        modelSignature: trained.signature,
        telemetryKey: deploymentKey(telemetryKeys.signing(), id),
      };
    },
    { snapshot: true },
  );
}

/** The route of packages. */
export const packageRoutes: readonly Route[] = [download];
