import { expect } from 'chai';
import { isAppError } from '#contracts';
import { answerFormat } from '../../../../../prediction/server/http/accept.ts';

describe('prediction server: Accept', () => {
  for (const [accept, expected] of [
    [undefined, 'json'],
    ['*/*', 'json'],
    ['application/json', 'json'],
    ['application/*', 'json'],
    ['text/csv', 'csv'],
    ['TEXT/CSV', 'csv'],
    ['text/*', 'csv'],
    ['text/csv, */*;q=0.1', 'csv'],
    ['text/csv;q=0.5, application/json', 'json'],
    ['text/csv, application/json', 'json'],
    ['application/json;q=0.2, text/csv;q=0.3', 'csv'],
    ['application/json;q=0, */*', 'csv'],
    ['text/html, application/xhtml+xml, */*;q=0.8', 'json'],
    ['text/html', 'refused'],
    ['*/*;q=0', 'refused'],
    ['', 'json'],
  ] as const) {
    it(`answers ${accept ?? 'no header'} with ${expected}`, () => {
      let found: string;
      try {
        found = answerFormat(accept);
      } catch (err) {
        found = isAppError(err, 'NOT_ACCEPTABLE') ? 'refused' : String(err);
      }
      expect(found).to.equal(expected);
    });
  }
});
