import { expect } from 'chai';
import { AppError } from '#contracts';
import { putWhileServing } from '../../../../appserver/cli/put-while-serving.ts';

const ROUTE = '/deployments/dep_1';
const SEEN = { json: { modelId: 'mdl_1' }, etag: '"1"' };
const WANTED = { modelId: 'mdl_0', reason: 'rollback' };

/** A deployment whose representation has changed each time that it is written to, as long as models are left. */
function changingUnder(models: readonly string[]) {
  let version = 1 + models.length;
  const left = [...models];
  const tags: string[] = [];
  return {
    tags,
    put: (_route: string, _json: unknown, headers: Readonly<Record<string, string>> = {}) => {
      const tag = headers['if-match'] ?? '';
      tags.push(tag);
      return tag === `"${version}"` && left.length === 0
        ? Promise.resolve({ done: true })
        : Promise.reject(new AppError('STALE', 'If-Match'));
    },
    getTagged: () => {
      const json = { modelId: left.shift() ?? 'mdl_1' };
      version += 1;
      return Promise.resolve({ json, etag: `"${version}"` });
    },
  };
}

describe('command line: a model is put behind a deployment that serves what was looked at', () => {
  it('goes on where something else of it has changed', async () => {
    const api = changingUnder(['mdl_1', 'mdl_1']);
    expect(await putWhileServing(api, ROUTE, SEEN, WANTED)).to.deep.equal({ done: true });
    expect(api.tags).to.deep.equal(['"1"', '"4"', '"5"']);
  });

  it('is refused where another model is behind it', async () => {
    const api = changingUnder(['mdl_1', 'mdl_2']);
    const err: unknown = await putWhileServing(api, ROUTE, SEEN, WANTED).catch((thrown: unknown) => thrown);
    expect(err).to.include({ code: 'STALE' });
    expect(api.tags).to.have.length(2);
  });

  it('gives up where it never rests', async () => {
    const api = changingUnder(Array<string>(50).fill('mdl_1'));
    const err: unknown = await putWhileServing(api, ROUTE, SEEN, WANTED).catch((thrown: unknown) => thrown);
    expect(err).to.include({ code: 'STALE' });
    expect(api.tags).to.have.length(5);
  });
});
