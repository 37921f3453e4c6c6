import { expect } from 'chai';
import { isAppError, Type, type ErrorCode } from '#contracts';
import { checkIfMatch, etagOf, isNotModified } from '../../../../../appserver/server/http/etag.ts';
import { idempotencyKeyOf } from '../../../../../appserver/server/http/idempotency.ts';
import { waitSecondsOf } from '../../../../../appserver/server/http/prefer.ts';
import { readQuery } from '../../../../../appserver/server/http/query.ts';
import { Router } from '../../../../../appserver/server/http/router.ts';
import { noContent, route, type Method } from '../../../../../appserver/server/route.ts';

const fails = (code: ErrorCode, work: () => unknown): string => {
  try {
    work();
  } catch (err) {
    if (isAppError(err, code)) return err.message;
    throw err;
  }
  throw new Error(`expected ${code}`);
};

const declared = (method: Method, path: string) =>
  route({ method, path, summary: '', tag: '', access: 'open', answers: {}, handler: async () => noContent() });

describe('Router', () => {
  const router = new Router([
    declared('GET', '/a/{id}'),
    declared('GET', '/a/fixed'),
    declared('POST', '/a/{id}/x'),
    declared('GET', '/a/{id}/{name}'),
    declared('GET', '/'),
  ]);

  it('prefers fixed segments, goes back where they lead nowhere, decodes parameters', () => {
    expect(router.find('GET', '/a/fixed').route.path).to.equal('/a/fixed');
    expect(router.find('GET', '/a/1').params).to.deep.equal({ id: '1' });
    expect(router.find('GET', '/a/fixed/y').params).to.deep.equal({ id: 'fixed', name: 'y' });
    expect(router.find('GET', '/a/1/b%2Fc%20d').params).to.deep.equal({ id: '1', name: 'b/c d' });
    expect(router.find('HEAD', '/').route.path).to.equal('/');
  });

  it('tells unknown paths, methods and encodings apart', () => {
    fails('NOT_FOUND', () => router.find('GET', '/a'));
    fails('NOT_FOUND', () => router.find('GET', '/a/'));
    fails('NOT_FOUND', () => router.find('GET', '/a/1/x/y'));
    expect(fails('METHOD_NOT_ALLOWED', () => router.find('DELETE', '/a/1'))).to.include('GET, HEAD');
    fails('BAD_REQUEST', () => router.find('GET', '/a/%E0%A4%A'));
    expect(() => new Router([declared('GET', '/{a}'), declared('GET', '/{b}')])).to.throw('declared twice');
  });
});

describe('request headers', () => {
  it('reads Prefer: wait', () => {
    const cases: [string | string[] | undefined, number | null][] = [
      [undefined, null],
      ['wait=5', 5],
      ['respond-async, WAIT = "7"; x=1', 7],
      [['return=minimal', 'wait=0'], 0],
      ['wait=999999', 60],
      ['wait=-1', null],
      ['wait=1.5', null],
      ['await=3', null],
    ];
    for (const [header, expected] of cases) expect(waitSecondsOf(header), String(header)).to.equal(expected);
  });

  it('compares ETags strongly for If-Match, weakly for If-None-Match', () => {
    const etag = etagOf(JSON.stringify({ a: 1 }));
    expect(isNotModified(`"x", W/${etag}`, etag)).to.equal(true);
    expect(isNotModified('*', etag)).to.equal(true);
    expect(isNotModified('"x"', etag)).to.equal(false);
    checkIfMatch(undefined, { a: 2 });
    checkIfMatch(`"x", ${etag}`, { a: 1 });
    checkIfMatch('*', { a: 2 });
    fails('STALE', () => checkIfMatch(etag, { a: 2 }));
    fails('STALE', () => checkIfMatch(`W/${etag}`, { a: 1 }));
  });

  it('takes Idempotency-Keys of visible characters', () => {
    expect(idempotencyKeyOf(undefined)).to.equal(null);
    expect(idempotencyKeyOf('8e03978e-40d5')).to.equal('8e03978e-40d5');
    for (const key of ['', 'a b', 'é', 'x'.repeat(256)]) fails('VALIDATION_FAILED', () => idempotencyKeyOf(key));
  });

  it('reads numbers and booleans of a query where the schema wants them', () => {
    const schema = Type.Object({ n: Type.Integer(), b: Type.Boolean(), s: Type.String() });
    const read = (text: string) => readQuery(schema, new URLSearchParams(text));
    expect(read('n=5&b=true&s=7')).to.deep.equal({ n: 5, b: true, s: '7' });
    expect(read('n=five&b=1')).to.deep.equal({ n: 'five', b: '1' });
    expect(Object.keys(read('__proto__=1&constructor=2'))).to.deep.equal(['__proto__', 'constructor']);
    fails('VALIDATION_FAILED', () => read('n=1&n=2'));
  });
});
