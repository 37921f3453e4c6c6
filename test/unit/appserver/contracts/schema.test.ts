import { expect } from 'chai';
import {
  AppError,
  canonicalJson,
  DatasetSource,
  fromProblem,
  oneOf,
  parse,
  PartitioningRequest,
  strict,
  toProblem,
  Type,
} from '#contracts';

const thrown = (run: () => unknown): AppError => {
  try {
    run();
  } catch (err) {
    if (err instanceof AppError) return err;
    throw err;
  }
  throw new Error('nothing was thrown');
};

describe('parse', () => {
  const Schema = strict({
    name: Type.String({ minLength: 1 }),
    mode: Type.Optional(oneOf(['a', 'b'])),
    size: Type.Integer({ default: 3 }),
  });

  it('gives the value back with defaults filled in', () => {
    expect(parse(Schema, { name: 'x' }, 'body')).to.deep.equal({ name: 'x', size: 3 });
  });

  it('names each field, what was expected and what was found', () => {
    const err = thrown(() => parse(Schema, { mode: 'c', size: 1.5, extra: 1 }, 'body'));
    expect(err.code).to.equal('VALIDATION_FAILED');
    const byPath = new Map(err.errors.map(({ path, message }) => [path, message]));
    expect(byPath.get('/name')).to.equal('is required');
    expect(byPath.get('/mode')).to.equal('must be one of a, b; found "c"');
    expect(byPath.get('/size')).to.equal('must be integer; found 1.5');
    expect(byPath.get('/extra')).to.equal('is not a known field');
  });

  it('does not take __proto__ for a known field', () => {
    const err = thrown(() => parse(Schema, JSON.parse('{"name":"x","__proto__":{"a":1}}'), 'body'));
    expect(err.errors.map(({ path }) => path)).to.deep.equal(['/__proto__']);
  });

  it('complains for the member of a union that was meant, or names the members there are', () => {
    const complaints = (value: unknown) => thrown(() => parse(DatasetSource, value, 'body')).errors;
    expect(complaints({ type: 'url' })).to.deep.equal([{ path: '/url', message: 'is required' }]);
    expect(complaints({ type: 'path', path: 5 })).to.deep.equal([
      { path: '/path', message: 'must be string; found 5' },
    ]);
    expect(complaints({ type: 'ftp', url: 'x' })).to.deep.equal([
      { path: '/type', message: 'must be one of url, path, hdfs, hive, jdbc, s3; found "ftp"' },
    ]);
  });

  it('checks unions and nested objects of the contracts', () => {
    expect(parse(DatasetSource, { type: 'url', url: 'http://h/f.csv' }, 'source')).to.have.property('type', 'url');
    expect(thrown(() => parse(DatasetSource, { type: 'ftp' }, 'source')).code).to.equal('VALIDATION_FAILED');
    expect(
      thrown(() => parse(PartitioningRequest, { method: 'random', folds: 1 }, 'partitioning')).errors[0]?.path,
    ).to.equal('/folds');
  });
});

describe('problem documents', () => {
  it('carry code, fields and request id, and are re-made as the same error', () => {
    const problem = toProblem(
      new AppError('TARGET_CONSTANT', 'target "y" has one value', { errors: [{ path: '/target', message: 'x' }] }),
      'r1',
    );
    expect(problem).to.include({
      status: 422,
      code: 'TARGET_CONSTANT',
      detail: 'target "y" has one value',
      requestId: 'r1',
    });
    const again = fromProblem(problem);
    expect([again.code, again.message, again.errors]).to.deep.equal([
      'TARGET_CONSTANT',
      'target "y" has one value',
      [{ path: '/target', message: 'x' }],
    ]);
  });

  it('say nothing of internals for an unexpected error', () => {
    expect(JSON.stringify(toProblem(new Error('password=canary'), null))).to.not.contain('canary');
  });

  it('of an unknown code become INTERNAL', () => {
    expect(fromProblem({ ...toProblem(new Error('x'), null), code: 'constructor' }).code).to.equal('INTERNAL');
  });
});

describe('canonicalJson', () => {
  it('sorts keys, leaves out undefined and is the same for equal values', () => {
    expect(canonicalJson({ b: [1, { d: undefined, c: 'é' }], a: -0 })).to.equal('{"a":0,"b":[1,{"c":"é"}]}');
  });

  it('refuses what JSON cannot hold', () => {
    for (const value of [NaN, Infinity, 1n, () => 1]) expect(() => canonicalJson({ value })).to.throw(TypeError);
  });
});
