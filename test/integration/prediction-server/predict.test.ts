import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  BINARY_CLASSES,
  binary,
  makeRecord,
  multiclass,
  regression,
  makeGrant,
  withoutCovers,
} from '../../support/serving/models.ts';
import { createServing, predict, ROW, untilReady, type Server, type Serving } from '../../support/serving/serving.ts';

interface Body {
  readonly deploymentId: string;
  readonly modelId: string;
  readonly data: {
    readonly rowIndex: number;
    readonly prediction: string | number;
    readonly probabilities?: Record<string, number>;
    readonly explanations?: {
      readonly label?: string;
      readonly baseValue: number;
      readonly rawScore: number;
      readonly contributions: { readonly feature: string; readonly contribution: number }[];
      readonly rest: number;
    }[];
    readonly warnings?: string[];
    readonly associationId?: string;
    readonly passthrough?: Record<string, unknown>;
  }[];
}
const bodyOf = ({ text }: { readonly text: string }): Body => JSON.parse(text) as Body;
const problemOf = ({ text }: { readonly text: string }) =>
  JSON.parse(text) as { code: string; detail: string; errors: { path: string; message: string }[] };
const CSV = { 'content-type': 'text/csv' };
const ARROW = { 'content-type': 'application/vnd.apache.arrow.stream' };
const logistic = (score: number) => 1 / (1 + Math.exp(-score));

describe('prediction server: rows in, predictions out', () => {
  let serving: Serving;
  let server: Server;

  before(async () => {
    serving = await createServing();
    const { signer } = serving;
    const models = {
      dep_1: serving.model('mdl_regression', regression()),
      dep_binary: serving.model('mdl_binary', binary()),
      dep_multiclass: serving.model('mdl_multiclass', multiclass()),
      dep_old: serving.model('mdl_old', withoutCovers(regression())),
    };
    const deployments = Object.entries(models).map(([deploymentId, model]) =>
      makeRecord(signer, model, { deploymentId }),
    );
    const strict = makeRecord(signer, models.dep_1, {
      deploymentId: 'dep_strict',
      settings: { missingColumns: 'refuse' },
    });
    serving.app.publish({ deployments: [...deployments, strict], apiKeys: [makeGrant()] });
    server = await serving.start({ 'predictionServer.rowsMax': '2000', 'predictionServer.bodyBytesMax': '100000' });
    await untilReady(server);
    for (const id of ['dep_binary', 'dep_multiclass', 'dep_strict', 'dep_old'])
      while ((await predict(server, ROW, { id })).status === 503);
  });
  after(() => serving.close());

  it('answers one JSON object', async () => {
    const answer = await predict(server, ROW);
    expect(answer.status).to.equal(200);
    expect(bodyOf(answer)).to.deep.equal({
      deploymentId: 'dep_1',
      modelId: 'mdl_regression',
      data: [{ rowIndex: 0, prediction: 111 }],
    });
    expect(answer.headers['x-trainyard-model']).to.equal('mdl_regression');
    expect(answer.headers['content-type']).to.equal('application/json');
    expect(answer.headers['server-timing']).to.match(
      /^read;dur=\d+\.\d{3}, predict;dur=\d+\.\d{3}, total;dur=\d+\.\d{3}$/,
    );
  });

  it('answers an array, {data}, NDJSON and CSV alike', async () => {
    const rows = [ROW, { ...ROW, age: 50 }, { ...ROW, age: '39.5', color: 'blue' }, { ...ROW, age: null }];
    const csv = ['age,color,height,__proto__', '30,red,1.7,1', '50,"red",1.7,1', '39.5,blue,1.7,1', 'NA,red,1.7,1'];
    const answers = await Promise.all([
      predict(server, rows),
      predict(server, { data: rows }),
      predict(server, rows.map((row) => JSON.stringify(row)).join('\r\n'), {
        headers: { 'content-type': 'application/x-ndjson' },
      }),
      predict(server, `${csv.join('\n')}\n`, { headers: { 'content-type': 'text/csv; charset=utf-8' } }),
      predict(server, `\ufeff${csv.join('\r\n')}`, { headers: CSV }),
    ]);
    for (const answer of answers) {
      expect(answer.status, answer.text).to.equal(200);
      expect(bodyOf(answer).data).to.deep.equal([
        { rowIndex: 0, prediction: 111 },
        { rowIndex: 1, prediction: 110 },
        { rowIndex: 2, prediction: 101 },
        { rowIndex: 3, prediction: 110 },
      ]);
    }
  });

  it('answers an Arrow stream as the same rows of JSON', async () => {
    const { rows } = JSON.parse(
      readFileSync(new URL('../../fixtures/arrow/streams.json', import.meta.url), 'utf8'),
    ) as { rows: string };
    const json = [
      { ...ROW, associationId: 'é1' },
      { ...ROW, age: 50, associationId: null },
      { ...ROW, age: null, color: 'mauve', height: 1.9, ['__proto__']: -1, associationId: '3' },
    ];
    for (const id of ['dep_1', 'dep_multiclass', 'dep_1?explanations=2&passthroughColumns=height']) {
      const answer = await predict(server, Buffer.from(rows, 'base64'), { id, headers: ARROW });
      expect(answer.status, answer.text).to.equal(200);
      expect(answer.text).to.equal((await predict(server, json, { id })).text);
    }
  });

  describe('columns that are carried along', () => {
    it('are the association id and what is asked for, without a warning', async () => {
      const rows = [
        { ...ROW, associationId: 'a-1', 'note, "x"': 'é', other: 1 },
        { ...ROW, associationId: 7, 'note, "x"': null },
        { ...ROW, associationId: '', 'note, "x"': true },
        ROW,
      ];
      const query = `passthroughColumns=${encodeURIComponent('note, "x"')}&passthroughColumns=age`;
      const { data } = bodyOf(await predict(server, rows, { id: `dep_1?${query}` }));
      expect(data).to.deep.equal([
        {
          rowIndex: 0,
          prediction: 111,
          warnings: ['column "other" is unknown: ignored'],
          associationId: 'a-1',
          passthrough: { 'note, "x"': 'é', age: 30 },
        },
        { rowIndex: 1, prediction: 111, associationId: '7', passthrough: { 'note, "x"': null, age: 30 } },
        { rowIndex: 2, prediction: 111, passthrough: { 'note, "x"': true, age: 30 } },
        { rowIndex: 3, prediction: 111, passthrough: { 'note, "x"': null, age: 30 } },
      ]);
      const plain = bodyOf(await predict(server, { ...ROW, associationId: 'a' }));
      expect(plain.data[0]).to.deep.equal({ rowIndex: 0, prediction: 111, associationId: 'a' });
    });

    it('have the association id in any column that is named', async () => {
      const row = { ...ROW, order: '0042' };
      const { data } = bodyOf(await predict(server, row, { id: 'dep_1?associationColumn=order' }));
      expect(data[0]).to.deep.equal({ rowIndex: 0, prediction: 111, associationId: '0042' });
      const feature = bodyOf(await predict(server, ROW, { id: 'dep_1?associationColumn=color' }));
      expect(feature.data[0]?.associationId).to.equal('red');
    });

    it('come first in CSV, their cells as they were sent', async () => {
      const headers = { ...CSV, accept: 'text/csv' };
      const text = 'order,age,color,height,__proto__,note\n007,30,red,1.70,1,"a, ""b"""\n1.0,50,,1.7,1,\n';
      const id = 'dep_1?passthroughColumns=note&passthroughColumns=order&passthroughColumns=height';
      const answer = await predict(server, text, { id, headers });
      expect(answer.text).to.equal('note,order,height,prediction\r\n"a, ""b""",007,1.70,111\r\n,1.0,1.7,100\r\n');
    });

    for (const [query, rows, code, path] of [
      ['passthroughColumns=a&passthroughColumns=a', ROW, 'VALIDATION_FAILED', '/passthroughColumns'],
      ['passthroughColumns=prediction', { ...ROW, prediction: 1 }, 'PREDICTION_COLUMN_RESERVED', '/passthroughColumns'],
      ['passthroughColumns=a', { ...ROW, a: [1] }, 'CELL_UNREADABLE', 'row 1, column "a"'],
      ['associationColumn=a&associationColumn=b', ROW, 'VALIDATION_FAILED', '/associationColumn'],
      ['associationColumn=a', { ...ROW, a: {} }, 'CELL_UNREADABLE', 'row 1, column "a"'],
    ] as const) {
      it(`are refused by ${code} for ?${query}`, async () => {
        const answer = await predict(server, rows, { id: `dep_1?${query}` });
        expect(answer.status, answer.text).to.equal(422);
        expect([problemOf(answer).code, problemOf(answer).errors[0]?.path]).to.deep.equal([code, path]);
      });
    }

    it('are refused where a header lacks them', async () => {
      const answer = await predict(server, 'age\n1\n', { id: 'dep_1?passthroughColumns=note', headers: CSV });
      expect([answer.status, problemOf(answer).code]).to.deep.equal([422, 'COLUMN_UNKNOWN']);
    });
  });

  it('gives a label and the probability of each class', async () => {
    const rows = [
      { ...ROW, color: 'blue' },
      { ...ROW, age: 50, color: 'blue' },
    ];
    const answer = bodyOf(await predict(server, rows, { id: 'dep_binary' }));
    expect(answer.data).to.deep.equal([
      {
        rowIndex: 0,
        prediction: BINARY_CLASSES[1],
        probabilities: { no: 1 - logistic(2), [BINARY_CLASSES[1]]: logistic(2) },
      },
      {
        rowIndex: 1,
        prediction: BINARY_CLASSES[0],
        probabilities: { no: 1 - logistic(-1), [BINARY_CLASSES[1]]: logistic(-1) },
      },
    ]);
  });

  it('names the most likely classes only where so many are asked for', async () => {
    const all = bodyOf(await predict(server, { age: 50 }, { id: 'dep_multiclass' })).data[0]?.probabilities ?? {};
    const best = Object.entries(all).sort(([, a], [, b]) => b - a);
    const two = bodyOf(await predict(server, { age: 50 }, { id: 'dep_multiclass?probabilities=2' })).data[0];
    expect(two?.probabilities).to.deep.equal(Object.fromEntries(best.slice(0, 2)));
    expect(two?.prediction).to.equal(best[0]?.[0]);
    const refused = await predict(server, { age: 50 }, { id: 'dep_multiclass?probabilities=none' });
    const { code, errors } = problemOf(refused);
    expect([refused.status, code, errors[0]?.path]).to.deep.equal([422, 'VALIDATION_FAILED', '/probabilities']);
  });

  it('gives the most probable of several classes, in class order', async () => {
    const answer = await predict(server, [ROW, { ...ROW, age: 50 }], { id: 'dep_multiclass' });
    const { data } = bodyOf(answer);
    expect(data.map(({ prediction }) => prediction)).to.deep.equal(['1', '3']);
    const sum = Math.E + 1 + Math.exp(-1);
    expect(data[0]?.probabilities?.['2']).to.be.closeTo(1 / sum, 1e-15);
    expect(answer.text).to.include('"probabilities":{"1":');
  });

  it('answers CSV when asked, header and labels quoted as RFC 4180 wants', async () => {
    const accept = { ...CSV, accept: 'text/csv, */*;q=0.1' };
    const csv = 'age,color,height,__proto__\n30,blue,1.7,1\n50,blue,1.7,1\n';
    const answer = await predict(server, csv, { id: 'dep_binary', headers: accept });
    expect(answer.headers['content-type']).to.equal('text/csv; charset=utf-8');
    expect(answer.text).to.equal(
      [
        'prediction,probability_no,"probability_yes, ""sure"""',
        `"yes, ""sure""",${1 - logistic(2)},${logistic(2)}`,
        `no,${1 - logistic(-1)},${logistic(-1)}`,
        '',
      ].join('\r\n'),
    );
    const values = await predict(server, [ROW], { headers: { accept: 'text/csv' } });
    expect(values.text).to.equal('prediction\r\n111\r\n');
  });

  it('answers no rows with no rows', async () => {
    expect(bodyOf(await predict(server, [])).data).to.deep.equal([]);
    expect(bodyOf(await predict(server, 'age,color\n', { headers: CSV })).data).to.deep.equal([]);
    const text = await predict(server, [], { headers: { accept: 'text/csv' } });
    expect(text.text).to.equal('prediction\r\n');
  });

  it('warns of unknown and missing columns, row by row', async () => {
    const { data } = bodyOf(await predict(server, [{ ...ROW, target: 1 }, ROW, { age: 1, color: 'red', height: 1 }]));
    expect(data.map(({ warnings }) => warnings)).to.deep.equal([
      ['column "target" is unknown: ignored'],
      undefined,
      ['column "__proto__" is missing: taken as a missing value'],
    ]);
    const csv = bodyOf(
      await predict(server, 'target,age,color,height\n1,30,red,1.7\n2,50,red,1.7\n', { headers: CSV }),
    );
    for (const { warnings } of csv.data) {
      expect(warnings).to.deep.equal([
        'column "__proto__" is missing: taken as a missing value',
        'column "target" is unknown: ignored',
      ]);
    }
    expect(csv.data.map(({ prediction }) => prediction)).to.deep.equal([111, 110]);
  });

  it('warns of levels that the model does not know, row by row, in JSON and CSV', async () => {
    const unseen = (color: string) =>
      `column "color": "${color}" is none of the 3 levels that the model knows ("red", "green", "blue"): taken as an unseen level`;
    const rows = [{ ...ROW, color: 'mauve' }, { ...ROW, color: null }, ROW, { target: 1, ...ROW, color: 7 }];
    const { data } = bodyOf(await predict(server, rows));
    expect(data.map(({ warnings }) => warnings)).to.deep.equal([
      [unseen('mauve')],
      undefined,
      undefined,
      ['column "target" is unknown: ignored', unseen('7')],
    ]);
    expect(data.map(({ prediction }) => prediction)).to.deep.equal([101, 101, 111, 101]);
    const text = 'height,age,color,__proto__\n1.7,30,mauve,1\n1.7,30,,1\n1.7,30,red,1\n';
    const csv = bodyOf(await predict(server, text, { headers: CSV }));
    expect(csv.data).to.deep.equal(data.slice(0, 3));
    const strict = await predict(server, rows[0], { id: 'dep_strict' });
    expect(bodyOf(strict).data[0]?.warnings, 'missing columns are refused there, levels told').to.have.length(1);
    const explained = bodyOf(await predict(server, rows[0], { id: 'dep_1?explanations=1' }));
    expect(explained.data[0]?.warnings).to.deep.equal([unseen('mauve')]);
    const asCsv = await predict(server, rows[0], { headers: { accept: 'text/csv' } });
    expect(asCsv.text, 'CSV has no place for warnings').to.equal('prediction\r\n101\r\n');
  });

  it('names at most twenty columns in a row’s warnings', async () => {
    const extra = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`extra${i}`, i]));
    const warnings = bodyOf(await predict(server, { ...ROW, ...extra })).data[0]?.warnings ?? [];
    expect(warnings).to.have.length(21);
    expect(warnings.at(-1)).to.equal('5 more columns are unknown');
  });

  it('refuses missing columns where the deployment says so, but not missing values', async () => {
    const answer = await predict(server, [ROW, { color: 'red', height: 1 }], { id: 'dep_strict' });
    expect(answer.status).to.equal(422);
    const { code, detail, errors } = problemOf(answer);
    expect([code, detail]).to.deep.equal(['VALIDATION_FAILED', 'row 2: column "age" is missing']);
    expect(errors).to.deep.equal([
      { path: 'row 2, column "age"', message: 'is missing' },
      { path: 'row 2, column "__proto__"', message: 'is missing' },
    ]);
    expect((await predict(server, 'age\n1\n', { id: 'dep_strict', headers: CSV })).status).to.equal(422);
    expect((await predict(server, { ...ROW, age: null, target: 1 }, { id: 'dep_strict' })).status).to.equal(200);
  });

  it('answers a cell that cannot be read with 422, its row and its column', async () => {
    const rows = [ROW, { ...ROW, age: 'forty' }];
    for (const answer of [
      await predict(server, rows),
      await predict(server, 'age,color,height,__proto__\n30,red,1.7,1\nforty,red,1.7,1\n', { headers: CSV }),
    ]) {
      expect(answer.status).to.equal(422);
      const { code, detail, errors } = problemOf(answer);
      expect(code).to.equal('CELL_UNREADABLE');
      expect(detail).to.equal('row 2, column "age": cannot be read as number; found "forty"');
      expect(errors[0]?.path).to.equal('row 2, column "age"');
    }
    expect((await predict(server, { ...ROW, height: true })).status).to.equal(422);
    expect((await predict(server, { ...ROW, color: { a: 1 } })).status).to.equal(422);
  });

  it('reads a column called __proto__ from JSON and CSV', async () => {
    const json = '{"age":30,"color":"red","height":1.7,"__proto__":-1}';
    expect(bodyOf(await predict(server, json)).data[0]?.prediction).to.equal(1111);
    const csv = '__proto__,age,color,height\n-1,30,red,1.7\n';
    const answer = bodyOf(await predict(server, csv, { headers: CSV }));
    expect(answer.data).to.deep.equal([{ rowIndex: 0, prediction: 1111 }]);
    const wrong = await predict(server, '{"age":30,"color":"red","height":1.7,"__proto__":{"age":1}}');
    expect(problemOf(wrong).errors[0]?.path).to.equal('row 1, column "__proto__"');
    expect(bodyOf(await predict(server, '{"constructor":1,"toString":2}')).data[0]?.warnings).to.include(
      'column "constructor" is unknown: ignored',
    );
  });

  it('answers many rows in turns with others, each row once and in order', async () => {
    const rows = Array.from({ length: 2000 }, (_, i) => ({ age: i % 2 === 0 ? 30 : 50 }));
    const large = predict(server, rows);
    const small = await predict(server, ROW);
    expect(small.status).to.equal(200);
    const { data } = bodyOf(await large);
    expect(data.map(({ rowIndex }) => rowIndex)).to.deep.equal(rows.map((_, i) => i));
    expect(data.every(({ prediction, rowIndex }) => prediction === (rowIndex % 2 === 0 ? 1 : 0))).to.be.true;
  });

  for (const [what, rows, headers, status, code, part] of [
    ['an empty body', '', {}, 400, 'INVALID_JSON', 'line 1, column 1 (byte 0)'],
    ['broken JSON', '{"age": 30,\n "color": red}', {}, 400, 'INVALID_JSON', 'line 2, column 11 (byte 22)'],
    [
      'NaN in JSON',
      '[{"age": 30},\n {"age": NaN}]',
      {},
      400,
      'INVALID_JSON',
      'a JSON value (null for a missing value, not NaN) is expected at line 2, column 10 (byte 23)',
    ],
    ['a text after JSON', '{} {}', {}, 400, 'INVALID_JSON', 'byte 3'],
    ['a number', '42', {}, 422, 'VALIDATION_FAILED', 'an object, an array of objects'],
    ['an array of numbers', '[{}, 1]', {}, 422, 'VALIDATION_FAILED', 'row 2'],
    [
      'a broken NDJSON line',
      '{}\n\n{"a"}\n',
      { 'content-type': 'application/x-ndjson' },
      400,
      'INVALID_JSON',
      'line 3, column 5',
    ],
    ['a ragged CSV', 'a,b\n1,2\n1\n', CSV, 422, 'VALIDATION_FAILED', 'row 2: expected 2 cells, found 1'],
    ['an open quote', 'a,b\n1,"2\n', CSV, 400, 'BAD_REQUEST', 'row 1: a quoted cell never ends'],
    ['a column twice', 'a,b,a\n1,2,3\n', CSV, 422, 'VALIDATION_FAILED', 'column "a": stands twice'],
    ['an empty CSV', '', CSV, 400, 'BAD_REQUEST', 'the first row must have the column names'],
    ['no UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), {}, 400, 'BAD_REQUEST', 'not valid UTF-8'],
    ['XML', '<a/>', { 'content-type': 'application/xml' }, 415, 'UNSUPPORTED_MEDIA_TYPE', 'application/xml'],
    ['Latin-1', '{}', { 'content-type': 'text/csv; charset=latin1' }, 415, 'UNSUPPORTED_MEDIA_TYPE', 'latin1'],
    ['a gzipped body', '{}', { 'content-encoding': 'gzip' }, 415, 'UNSUPPORTED_MEDIA_TYPE', 'gzip'],
    ['an empty Arrow stream', '', ARROW, 400, 'BAD_REQUEST', 'begins with the schema'],
    ['what is no Arrow', '{"age": 30}', ARROW, 400, 'BAD_REQUEST', 'message 1 at byte 0: is damaged or cut off'],
    ['an Arrow file', 'ARROW1\0\0', ARROW, 400, 'BAD_REQUEST', 'send an Arrow stream'],
    ['JSON that is too deep', `{"a":${'['.repeat(32)}`, {}, 400, 'JSON_TOO_DEEP', 'more than 32 deep at byte 36'],
    ['too many columns', `a${',a'.repeat(10_000)}`, CSV, 413, 'TOO_MANY_COLUMNS', 'more than 10000 columns'],
    ['an Accept that cannot be met', '{}', { accept: 'image/png' }, 406, 'NOT_ACCEPTABLE', 'text/csv'],
    ['too many rows', JSON.stringify(new Array(2001).fill({})), {}, 413, 'TOO_MANY_ROWS', '2000 rows'],
    ['too many CSV rows', `a\n${'1\n'.repeat(2001)}`, CSV, 413, 'TOO_MANY_ROWS', '2000 rows'],
    [
      'too many NDJSON rows',
      '{}\n'.repeat(2001),
      { 'content-type': 'application/x-ndjson' },
      413,
      'TOO_MANY_ROWS',
      '2000 rows',
    ],
    ['a body that is too large', ' '.repeat(100_001), {}, 413, 'BODY_TOO_LARGE', '100000'],
  ] as const) {
    it(`answers ${what} with ${status} ${code}`, async () => {
      const answer = await predict(server, rows, { headers });
      expect(answer.status, answer.text).to.equal(status);
      expect(answer.headers['content-type']).to.equal('application/problem+json');
      const problem = problemOf(answer);
      expect(problem.code).to.equal(code);
      expect(problem.detail).to.include(part);
    });
  }

  describe('explanations', () => {
    /** The stumps say what is right: three training rows of four went left, so left adds a quarter of the difference. */
    it('name the features of the largest parts, and add up to the raw score', async () => {
      const answer = await predict(server, { ...ROW, height: 1.9 }, { id: 'dep_1?explanations=2' });
      expect(answer.status, answer.text).to.equal(200);
      expect(bodyOf(answer).data[0]).to.deep.equal({
        rowIndex: 0,
        prediction: 11,
        explanations: [
          {
            baseValue: 833.25,
            rawScore: 11,
            contributions: [
              { feature: '__proto__', contribution: -750 },
              { feature: 'height', contribution: -75 },
            ],
            rest: 2.75,
          },
        ],
      });
    });

    it('leave features of no part out, are on the link scale and come before warnings', async () => {
      const row = { age: 30, color: 'red', height: 1, strange: 1 };
      const text = (await predict(server, row, { id: 'dep_binary?explanations=100' })).text;
      const [first] = (JSON.parse(text) as { data: Record<string, unknown>[] }).data;
      expect(Object.keys(first ?? {})).to.deep.equal([
        'rowIndex',
        'prediction',
        'probabilities',
        'explanations',
        'warnings',
      ]);
      expect(first?.['explanations']).to.deep.equal([
        {
          label: 'yes, "sure"',
          baseValue: 2,
          rawScore: 3,
          contributions: [
            { feature: 'age', contribution: 0.75 },
            { feature: 'color', contribution: 0.25 },
          ],
          rest: 0,
        },
      ]);
    });

    it('are there for each class, and in CSV for the predicted one', async () => {
      const row = { age: 50 };
      const { data } = bodyOf(await predict(server, [row], { id: 'dep_multiclass?explanations=1' }));
      expect(
        data[0]?.explanations?.map(({ label, baseValue, rawScore }) => [label, baseValue, rawScore]),
      ).to.deep.equal([
        ['1', 0.5, -1],
        ['2', 0, 0],
        ['3', -0.5, 1],
      ]);
      const headers = { ...CSV, accept: 'text/csv' };
      const csv = await predict(server, 'age\n50\n30\n', { id: 'dep_multiclass?explanations=2', headers });
      const [head = '', third = '', first = ''] = csv.text.split('\r\n');
      expect(head).to.match(
        /,probability_3,explanation_base,explanation_1_feature,explanation_1_contribution,explanation_2_feature,explanation_2_contribution,explanation_rest$/,
      );
      expect(third).to.match(/^3,.*,-0\.5,age,1\.5,,,0$/);
      expect(first).to.match(/^1,.*,0\.5,age,0\.5,,,0$/);
    });

    it('are refused where the number is none', async () => {
      for (const query of [
        'explanations=0',
        'explanations=101',
        'explanations=',
        'explanations=three',
        'explanations=1.5',
        'explanations=1&explanations=2',
      ]) {
        const answer = await predict(server, ROW, { id: `dep_1?${query}` });
        const { code, detail, errors } = problemOf(answer);
        expect([answer.status, code, errors[0]?.path], query).to.deep.equal([
          422,
          'VALIDATION_FAILED',
          '/explanations',
        ]);
        expect(detail).to.match(/must be one whole number from 1 to 100; found/);
      }
      expect((await predict(server, ROW, { id: 'dep_1?other=1' })).status).to.equal(200);
    });

    it('are not available for a model that was trained before them, which still predicts', async () => {
      const answer = await predict(server, ROW, { id: 'dep_old?explanations=3' });
      const { code, detail } = problemOf(answer);
      expect([answer.status, code]).to.deep.equal([501, 'NOT_AVAILABLE']);
      expect(detail).to.match(/train it again/);
      expect(bodyOf(await predict(server, ROW, { id: 'dep_old' })).data[0]?.prediction).to.equal(111);
    });
  });
});
