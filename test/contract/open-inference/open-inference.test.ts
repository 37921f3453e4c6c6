import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { expect } from 'chai';
import {
  API_KEY,
  binary,
  BINARY_CLASSES,
  makeGrant,
  makeRecord,
  multiclass,
  regression,
} from '../../support/serving/models.ts';
import { call, type Answer } from '../../support/serving/call.ts';
import { createServing, predict, ROW, untilReady, type Server, type Serving } from '../../support/serving/serving.ts';

/** What of an OpenAPI document is looked at here. */
interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses?: Responses }>>>>;
  readonly components: { readonly schemas: Record<string, unknown> };
}
type Responses = Readonly<
  Record<string, { readonly content?: Readonly<Record<string, { readonly schema: { readonly $ref: string } }>> }>
>;
interface Tensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: readonly unknown[];
}
interface Inference {
  readonly model_name: string;
  readonly model_version: string;
  readonly id?: string;
  readonly parameters?: { readonly warnings: readonly unknown[] };
  readonly outputs: readonly Tensor[];
}

const document = JSON.parse(
  readFileSync(new URL('../../fixtures/open-inference/dataplane.json', import.meta.url), 'utf8'),
) as OpenApi;
// It says that data may be bytes too, for which JSON has no type.
document.components.schemas['TensorData'] = { type: 'array' };
const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema(document, 'protocol');

/** The schema that the protocol has for an answer of a path; null where it has none. */
function schemaOf(path: string, method: string, status: string): string | null {
  const responses = document.paths[path]?.[method]?.responses ?? expect.fail(`the protocol has no ${method} ${path}`);
  return responses[status]?.content?.['application/json']?.schema.$ref ?? null;
}

function expectToFit(answer: Answer, reference: string | null): void {
  expect(answer.headers['content-type']).to.equal('application/json');
  const value: unknown = JSON.parse(answer.text);
  if (reference === null) return;
  const validate = ajv.compile({ $ref: `protocol${reference}` });
  expect(validate(value), `${answer.text}: ${ajv.errorsText(validate.errors)}`).to.equal(true);
}

const ERROR = '#/components/schemas/InferenceErrorResponse';
const tensor = (name: string, datatype: string, data: readonly unknown[], shape = [data.length]) => ({
  name,
  datatype,
  shape,
  data,
});
/** ROW and a second one. */
const INPUTS = [
  tensor('age', 'INT64', [30, 50]),
  tensor('color', 'BYTES', ['red', 'blue'], [2, 1]),
  tensor('height', 'FP32', [[1.7], [null]], [2, 1]),
  tensor('__proto__', 'FP64', [1, 1]),
];
const ROWS = [ROW, { ...ROW, age: 50, color: 'blue', height: null }];

describe('Open Inference Protocol over REST', () => {
  let serving: Serving;
  let server: Server;

  const ask = (path: string, body?: unknown, headers: Record<string, string> = {}) =>
    call(`${server.url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${API_KEY}`, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  const infer = (body: unknown, id = 'dep_1') => ask(`/v2/models/${id}/infer`, body);
  const inferred = async (body: unknown, id?: string): Promise<Inference> => {
    const answer = await infer(body, id);
    expect(answer.status, answer.text).to.equal(200);
    expectToFit(answer, schemaOf('/v2/models/{model_name}/infer', 'post', '200'));
    return JSON.parse(answer.text) as Inference;
  };

  before(async () => {
    serving = await createServing();
    const { signer, app } = serving;
    const models = {
      dep_1: serving.model('mdl_regression', regression()),
      dep_binary: serving.model('mdl_binary', binary()),
      dep_multiclass: serving.model('mdl_multiclass', multiclass()),
    };
    const deployments = Object.entries(models).map(([deploymentId, model]) =>
      makeRecord(signer, model, { deploymentId }),
    );
    const hidden = makeRecord(signer, models.dep_1, { deploymentId: 'dep_hidden', readers: ['usr_2'] });
    const refusing = makeRecord(signer, models.dep_1, {
      deploymentId: 'dep_strict',
      settings: { missingColumns: 'refuse' },
    });
    app.publish({ deployments: [...deployments, hidden, refusing], apiKeys: [makeGrant()] });
    server = await serving.start({ 'predictionServer.rowsMax': '100', 'predictionServer.columnsMax': '10' });
    await untilReady(server);
    for (const id of [...Object.keys(models), 'dep_strict'])
      while ((await predict(server, ROW, { id })).status === 503);
  });
  after(() => serving.close());

  it('answers every path of the protocol, with and without a version, as its OpenAPI says', async () => {
    const asked = new Set<string>();
    const check = async (path: string, method: 'get' | 'post', body?: unknown) => {
      asked.add(path);
      const target = path.replace('{model_name}', 'dep_1').replace('{model_version}', 'mdl_regression');
      const answer = await ask(target, body);
      expect(answer.status, answer.text).to.equal(200);
      expectToFit(answer, schemaOf(path, method, '200'));
    };
    for (const path of ['/v2', '/v2/health/live', '/v2/health/ready']) await check(path, 'get');
    for (const version of ['', '/versions/{model_version}']) {
      await check(`/v2/models/{model_name}${version}`, 'get');
      await check(`/v2/models/{model_name}${version}/ready`, 'get');
      await check(`/v2/models/{model_name}${version}/infer`, 'post', { inputs: INPUTS });
    }
    const others = Object.keys(document.paths).filter((path) => !asked.has(path));
    expect(others.filter((path) => !/\/(infer_stream|generate|generate_stream)$/.test(path))).to.deep.equal([]);
    expect((await ask('/v2/')).text).to.equal((await ask('/v2')).text);
  });

  it('takes requests that fit the protocol’s own schema', () => {
    const validate = ajv.compile({ $ref: 'protocol#/components/schemas/InferenceRequest' });
    const request = { id: '42', inputs: INPUTS, outputs: [{ name: 'prediction' }], parameters: { explanations: 1 } };
    expect(validate(request), ajv.errorsText(validate.errors)).to.equal(true);
  });

  it('says what a model reads and answers', async () => {
    const answer = await ask('/v2/models/dep_binary');
    expect(JSON.parse(answer.text)).to.deep.equal({
      name: 'dep_binary',
      versions: ['mdl_binary'],
      platform: 'trainyard',
      inputs: [
        { name: 'age', datatype: 'FP64', shape: [-1] },
        { name: 'color', datatype: 'BYTES', shape: [-1] },
        { name: 'height', datatype: 'FP64', shape: [-1] },
        { name: '__proto__', datatype: 'FP64', shape: [-1] },
      ],
      outputs: [
        { name: 'prediction', datatype: 'BYTES', shape: [-1] },
        { name: 'probability_no', datatype: 'FP64', shape: [-1] },
        { name: `probability_${BINARY_CLASSES[1]}`, datatype: 'FP64', shape: [-1] },
      ],
    });
    expect((await ask('/v2/models/dep_1')).text).to.include('{"name":"prediction","datatype":"FP64","shape":[-1]}');
  });

  it('predicts what rows of JSON predict, digit for digit', async () => {
    for (const id of ['dep_1', 'dep_binary', 'dep_multiclass']) {
      const answer = await inferred({ id: 'ü-42', inputs: INPUTS }, id);
      expect([answer.model_name, answer.id]).to.deep.equal([id, 'ü-42']);
      const { data } = JSON.parse((await predict(server, ROWS, { id })).text) as {
        data: { prediction: unknown; probabilities?: Record<string, number> }[];
      };
      expect(answer.outputs.map(({ name }) => name)).to.deep.equal([
        'prediction',
        ...Object.keys(data[0]?.probabilities ?? {}).map((label) => `probability_${label}`),
      ]);
      for (const { name, shape, data: values } of answer.outputs) {
        const label = name.replace('probability_', '');
        const rows = data.map((row) => (name === 'prediction' ? row.prediction : row.probabilities?.[label]));
        expect([shape, values]).to.deep.equal([[2], rows]);
      }
    }
  });

  it('gives the outputs that are asked for, in that order', async () => {
    const outputs = [{ name: 'probability_3' }, { name: 'prediction' }];
    const answer = await inferred({ inputs: INPUTS, outputs }, 'dep_multiclass');
    expect(answer.outputs.map(({ name }) => name)).to.deep.equal(['probability_3', 'prediction']);
    expect(answer).to.not.have.property('id');
    expect((await inferred({ inputs: INPUTS, outputs: [] })).outputs).to.deep.equal([]);
  });

  it('explains, by a parameter', async () => {
    const request = { inputs: INPUTS, parameters: { explanations: 1 } };
    const answer = await inferred(request);
    const csv = await predict(server, ROWS, { id: 'dep_1?explanations=1', headers: { accept: 'text/csv' } });
    const [head = '', ...lines] = csv.text.trimEnd().split('\r\n');
    expect(answer.outputs.map(({ name }) => name)).to.deep.equal(head.split(','));
    const rows = lines.map((_, row) => answer.outputs.map(({ data }) => String(data[row])).join(','));
    expect(rows).to.deep.equal(lines);
    // Any of them alone, without the first.
    const rest = await inferred({ ...request, outputs: [{ name: 'explanation_rest' }] });
    expect(rest.outputs[0]?.data).to.deep.equal(answer.outputs.at(-1)?.data);
  });

  it('tells warnings in its parameters', async () => {
    const inputs = [
      tensor('age', 'FP64', [30, 50]),
      tensor('color', 'BYTES', ['red', 'mauve']),
      tensor('x', 'BOOL', [true, null]),
    ];
    const { parameters, outputs } = await inferred({ inputs });
    expect(outputs[0]?.data).to.deep.equal([11, 0]);
    expect(parameters?.warnings).to.have.length(2);
    expect(JSON.stringify(parameters)).to.include('column \\"x\\" is unknown: ignored').and.to.include('mauve');
  });

  it('answers no rows with no rows', async () => {
    const { outputs } = await inferred({ inputs: [tensor('age', 'FP64', [])] });
    expect(outputs).to.deep.equal([{ name: 'prediction', datatype: 'FP64', shape: [0], data: [] }]);
  });

  for (const [what, body, status, code, path] of [
    ['no JSON', '{"inputs": [}', 400, 'INVALID_JSON', 'line 1, column 13 (byte 12)'],
    ['an array', [], 422, 'VALIDATION_FAILED', '/'],
    ['no inputs', { id: '1' }, 422, 'VALIDATION_FAILED', '/inputs'],
    ['empty inputs', { inputs: [] }, 422, 'VALIDATION_FAILED', '/inputs'],
    ['an id that is no text', { id: 1, inputs: INPUTS }, 422, 'VALIDATION_FAILED', '/id'],
    ['an input that is none', { inputs: [1] }, 422, 'VALIDATION_FAILED', '/inputs/0'],
    ['a type that is none', { inputs: [tensor('age', 'FP8', [1])] }, 422, 'VALIDATION_FAILED', '/inputs/0/datatype'],
    ['a matrix', { inputs: [tensor('age', 'FP64', [1, 2], [1, 2])] }, 422, 'VALIDATION_FAILED', '/inputs/0/shape'],
    ['too little data', { inputs: [tensor('age', 'FP64', [1], [2])] }, 422, 'VALIDATION_FAILED', '/inputs/0/data'],
    ['nested data', { inputs: [tensor('age', 'FP64', [[1, 2]], [1])] }, 422, 'VALIDATION_FAILED', '/inputs/0/data/0'],
    [
      'columns of several lengths',
      { inputs: [...INPUTS, tensor('x', 'FP64', [1])] },
      422,
      'VALIDATION_FAILED',
      '/inputs/4/shape',
    ],
    ['a column twice', { inputs: [INPUTS[0], INPUTS[0]] }, 422, 'VALIDATION_FAILED', '/inputs/1/name'],
    ['a number as text', { inputs: [tensor('age', 'FP64', ['30'])] }, 422, 'CELL_UNREADABLE', 'row 1, column "age"'],
    [
      'a negative of an unsigned type',
      { inputs: [tensor('age', 'UINT8', [1, -1])] },
      422,
      'CELL_UNREADABLE',
      'row 2, column "age"',
    ],
    [
      'a text that is no number',
      { inputs: [tensor('age', 'BYTES', ['x'])] },
      422,
      'CELL_UNREADABLE',
      'row 1, column "age"',
    ],
    ['an unknown output', { inputs: INPUTS, outputs: [{ name: 'y' }] }, 422, 'VALIDATION_FAILED', '/outputs/0/name'],
    [
      'explanations of no number',
      { inputs: INPUTS, parameters: { explanations: 'x' } },
      422,
      'VALIDATION_FAILED',
      '/parameters/explanations',
    ],
    ['too many rows', { inputs: [tensor('age', 'FP64', new Array(101).fill(1))] }, 413, 'TOO_MANY_ROWS', undefined],
    [
      'too many columns',
      { inputs: Array.from({ length: 11 }, (_, i) => tensor(`c${i}`, 'FP64', [1])) },
      413,
      'TOO_MANY_COLUMNS',
      '/inputs',
    ],
  ] as const) {
    it(`answers ${what} with ${status} ${code} in the protocol’s form`, async () => {
      const answer = await infer(body);
      expect(answer.status, answer.text).to.equal(status);
      expectToFit(answer, ERROR);
      const problem = JSON.parse(answer.text) as {
        error: string;
        detail: string;
        code: string;
        errors: { path: string }[];
      };
      expect([problem.code, problem.errors[0]?.path]).to.deep.equal([code, path]);
      expect(problem.error).to.equal(problem.detail);
    });
  }

  it('refuses missing columns where the deployment does', async () => {
    const answer = await infer({ inputs: INPUTS.slice(1) }, 'dep_strict');
    expect([answer.status, answer.text.includes('row 1: column \\"age\\" is missing')]).to.deep.equal([422, true]);
  });

  for (const [method, path, status, code] of [
    ['GET', '/v2/models/nothing', 404, 'DEPLOYMENT_UNKNOWN'],
    ['GET', '/v2/models/nothing/ready', 404, 'DEPLOYMENT_UNKNOWN'],
    ['GET', '/v2/models/dep_hidden', 404, 'DEPLOYMENT_UNKNOWN'],
    ['POST', '/v2/models/dep_hidden/infer', 404, 'DEPLOYMENT_UNKNOWN'],
    ['GET', '/v2/models/dep_1/versions/mdl_binary', 404, 'NOT_FOUND'],
    ['GET', '/v2/models/dep_1/versions/mdl_binary/ready', 404, 'NOT_FOUND'],
    ['POST', '/v2/models/dep_1/versions/mdl_binary/infer', 404, 'NOT_FOUND'],
    ['GET', '/v2/models/%ff', 400, 'BAD_REQUEST'],
    ['GET', '/v2/models', 404, 'NOT_FOUND'],
    ['GET', '/v2/repository/index', 404, 'NOT_FOUND'],
    ['GET', '/v2/models/dep_1/infer', 405, 'METHOD_NOT_ALLOWED'],
    ['POST', '/v2/models/dep_1', 405, 'METHOD_NOT_ALLOWED'],
    ['POST', '/v2/health/live', 405, 'METHOD_NOT_ALLOWED'],
  ] as const) {
    it(`answers ${method} ${path} with ${status} ${code}`, async () => {
      const answer = await ask(path, method === 'POST' ? { inputs: INPUTS } : undefined);
      expect(answer.status, answer.text).to.equal(status);
      expectToFit(answer, ERROR);
      expect((JSON.parse(answer.text) as { code: string }).code).to.equal(code);
    });
  }

  it('asks for a key where rows or columns are seen, not for health', async () => {
    const none = { authorization: '' };
    expect((await ask('/v2/models/dep_1', undefined, none)).status).to.equal(401);
    expect((await ask('/v2/models/dep_1/infer', { inputs: INPUTS }, none)).status).to.equal(401);
    for (const path of ['/v2', '/v2/health/live', '/v2/health/ready', '/v2/models/dep_1/ready'])
      expect((await ask(path, undefined, none)).status, path).to.equal(200);
  });

  it('reads no binary tensors and no encoded bodies', async () => {
    const body = { inputs: INPUTS };
    for (const headers of [{ 'inference-header-content-length': '10' }, { 'content-encoding': 'gzip' }])
      expect((await ask('/v2/models/dep_1/infer', body, headers)).status).to.equal(415);
  });
});
