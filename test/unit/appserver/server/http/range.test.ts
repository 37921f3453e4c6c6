import { expect } from 'chai';
import { rangeOf } from '../../../../../appserver/server/http/range.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

const ETAG = '"abc"';
const ask = (range: string | undefined, ifRange?: string) => rangeOf({ range, ifRange }, ETAG, 100);

describe('HTTP: range of bytes', () => {
  for (const [header, start, end] of [
    ['bytes=0-', 0, 100],
    ['bytes=7-', 7, 100],
    ['bytes=7-7', 7, 8],
    ['bytes=0-9', 0, 10],
    ['bytes=90-1000', 90, 100],
    ['bytes=-1', 99, 100],
    ['bytes=-1000', 0, 100],
    ['bytes= 1 - 2 ', 1, 3],
  ] as const)
    it(`reads ${header}`, () => expect(ask(header)).to.deep.equal({ start, end }));

  for (const header of [
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'rows=1-2',
    'bytes=1-2,5-6',
    'bytes=9-8',
    'bytes=a-b',
  ])
    it(`ignores ${header ?? 'no header'}`, () => expect(ask(header)).to.equal(null));

  it('gives a part of the representation that is named, and of no other', () => {
    expect(ask('bytes=1-', ETAG)).to.deep.equal({ start: 1, end: 100 });
    for (const other of ['"abd"', 'W/"abc"', 'abc', 'Wed, 21 Oct 2026 07:28:00 GMT'])
      expect(ask('bytes=1-', other), other).to.equal(null);
  });

  for (const header of ['bytes=100-', 'bytes=200-300', 'bytes=-0'])
    it(`refuses ${header}, and says how much there is`, async () => {
      const error = await appErrorOf('RANGE_NOT_SATISFIABLE', () => ask(header));
      expect([error.status, error.details['contentRange']]).to.deep.equal([416, 'bytes */100']);
    });
});
