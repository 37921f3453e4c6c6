import { AppError } from '#contracts';
import { PROGRAM_VERSION } from '#runtime';
import type { ServedDeployment } from '../../deployments.ts';
import { admit, notReady, unknownDeployment } from '../admission.ts';
import { beginWriting, type WriterFactory } from '../answers.ts';
import type { Context } from '../context.ts';
import type { Exchange, Reply } from '../exchange.ts';
import { admitRows, answerRows } from '../predict.ts';
import { wholeBody } from '../receive-body.ts';
import { jsonReply } from '../reply.ts';
import { decoded, requireMethod } from '../requests.ts';
import { readiness } from '../status.ts';
import { readInference } from './infer-request.ts';
import { modelMetadata } from './model-metadata.ts';
import { tensorAnswer } from './tensor-answer.ts';

/** Whether a path belongs to the protocol, whose errors have a form of their own. */
export const isOpenInference = (path: string): boolean => path === '/v2' || path.startsWith('/v2/');

/** `/v2/models/{name}[/versions/{version}][/ready|/infer]`. */
const MODEL_PATH = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?(\/ready|\/infer)?$/;

/**
 * The Open Inference Protocol, version 2, over REST: a model's name is the id of a deployment, its version the id of the
 * model that the deployment serves. Health is open to everybody, metadata and predictions need a key.
 *
 * @see https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
 */
export function openInference(context: Context, exchange: Exchange, path: string): Reply | Promise<Reply> {
  switch (path) {
    case '/v2':
    case '/v2/':
      requireMethod(exchange, 'GET', 'HEAD');
      return jsonReply(200, { name: 'trainyard', version: PROGRAM_VERSION, extensions: [] });
    case '/v2/health/live':
      requireMethod(exchange, 'GET', 'HEAD');
      return jsonReply(200, { live: true });
    case '/v2/health/ready':
      requireMethod(exchange, 'GET', 'HEAD');
      return readiness(context);
    default:
      return ofModel(context, exchange, path);
  }
}

function ofModel(context: Context, exchange: Exchange, path: string): Reply | Promise<Reply> {
  const found = MODEL_PATH.exec(path);
  if (found === null)
    throw new AppError('NOT_FOUND', `there is nothing at ${path}; POST tensors to /v2/models/{deployment}/infer`);
  const deploymentId = decoded(found[1] ?? '');
  const version = found[2] === undefined ? null : decoded(found[2]);
  if (found[3] === '/infer') return infer(context, exchange, deploymentId, version);
  requireMethod(exchange, 'GET', 'HEAD');
  if (found[3] === '/ready') {
    servedVersion(context, deploymentId, version);
    return jsonReply(200, { name: deploymentId, ready: true });
  }
  return metadata(context, exchange, deploymentId, version);
}

async function metadata(
  context: Context,
  { headers }: Exchange,
  deploymentId: string,
  version: string | null,
): Promise<Reply> {
  const admission = admit(context, headers.authorization, deploymentId);
  if (admission !== null) await admission;
  return jsonReply(200, modelMetadata(servedVersion(context, deploymentId, version)));
}

async function infer(
  context: Context,
  exchange: Exchange,
  deploymentId: string,
  version: string | null,
): Promise<Reply> {
  const { headers } = exchange;
  const admission = admitRows(context, exchange, deploymentId);
  if (admission !== null) await admission;
  if (headers['inference-header-content-length'] !== undefined)
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'binary tensors are not read; send their data as JSON');
  if (headers['content-encoding'] !== undefined)
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'encoded bodies are not read; send the body as it is');
  const { served, text } = await answerRows(
    context,
    exchange,
    deploymentId,
    (body) => ({ kind: 'read', rows: readInference(wholeBody(body), context.limits) }),
    (found, request, events) => {
      checkVersion(found, version);
      const factory: WriterFactory = (template, rows, wanted) => tensorAnswer(template, rows.count, wanted, request);
      return beginWriting(found, request.rows, request.wanted, factory, events);
    },
  );
  return {
    status: 200,
    contentType: 'application/json',
    body: text,
    headers: ['X-Trainyard-Model', served.record.modelId],
  };
}

/** What a deployment answers with. @throws DEPLOYMENT_UNKNOWN, DEPLOYMENT_NOT_READY, NOT_FOUND for another version */
function servedVersion({ table }: Context, deploymentId: string, version: string | null): ServedDeployment {
  if (table.assigned(deploymentId) === null) throw unknownDeployment(deploymentId);
  const served = table.served(deploymentId);
  if (served === null) throw notReady(`deployment ${deploymentId} is not ready here yet`);
  checkVersion(served, version);
  return served;
}

function checkVersion({ record }: ServedDeployment, version: string | null): void {
  if (version === null || version === record.modelId) return;
  throw new AppError(
    'NOT_FOUND',
    `deployment ${record.deploymentId} has no version ${JSON.stringify(version)}; it serves ${record.modelId}`,
  );
}
