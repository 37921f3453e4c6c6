import { expect } from 'chai';
import { parse, Problem, type TSchema } from '#contracts';
import { apiRoutes } from '../../../appserver/server/routes/index.ts';
import type { Route } from '../../../appserver/server/route.ts';
import { startTestAppServer, type TestAppServer } from '../../support/app-server.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';

/** Text that JSON and URLs can say and PostgreSQL cannot keep. */
const NUL = 'a\0b';
const HALF = 'a\ud800b';

const routes = apiRoutes.filter(({ access }) => access !== 'internal');
const namesOf = (schema: TSchema | undefined): string[] =>
  schema !== undefined && 'properties' in schema ? Object.keys(schema.properties as object) : [];
const pathOf = ({ path }: Route, value: string): string => path.replaceAll(/\{\w+\}/g, value);
/** The path with parameters as they may be: the first word of those that are one of some, else `a`. */
const soundPathOf = ({ path, params }: Route): string => {
  // The cast holds: these are schemas of text.
  const properties = (params !== undefined && 'properties' in params ? params.properties : {}) as Readonly<
    Record<string, { readonly enum?: readonly string[] }>
  >;
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => properties[name]?.enum?.[0] ?? 'a');
};
const nameOf = ({ method, path }: Route): string => `${method} ${path}`;

for (const client of ['sqlite', 'postgres'] as const)
  describe(`text that a database cannot keep, on ${client}`, function () {
    this.timeout(60_000);
    let database: TestDatabase | null = null;
    let platform: TestAppServer;

    before(async () => {
      database = client === 'postgres' ? await createDatabase() : null;
      const flags = database === null ? {} : { 'database.client': 'postgres', 'database.url': database.url };
      platform = await startTestAppServer(flags);
    });
    after(async () => {
      await platform.close();
      await database?.close();
    });

    /** The fields that a request was refused for, by 422. */
    async function fieldsOf(method: string, path: string, json?: unknown): Promise<readonly string[]> {
      const answer = await platform.admin.request(method, path, json === undefined ? {} : { json });
      const problem = parse(Problem, answer.json, `${method} ${path}`);
      expect([answer.status, problem.code], `${method} ${path}: ${answer.text}`).to.deep.equal([
        422,
        'VALIDATION_FAILED',
      ]);
      for (const { message } of problem.errors) expect(message).to.match(/code 0|surrogate/);
      return problem.errors.map(({ path: field }) => field);
    }

    it('is refused in every parameter of every path', async () => {
      const parameterised = routes.filter(({ path }) => path.includes('{'));
      expect(parameterised).to.have.length.of.at.least(20);
      for (const route of parameterised) {
        const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => `/${name ?? ''}`);
        expect(await fieldsOf(route.method, pathOf(route, 'a%00b')), nameOf(route)).to.deep.equal(names);
      }
    });

    it('is refused in every query', async () => {
      const asked = routes.filter(({ query }) => namesOf(query).length > 0);
      expect(asked).to.have.length.of.at.least(8);
      for (const route of asked)
        for (const name of namesOf(route.query))
          expect(await fieldsOf(route.method, `${soundPathOf(route)}?${name}=a%00b`), nameOf(route)).to.deep.equal([
            `/${name}`,
          ]);
    });

    it('is refused in every JSON body, at any depth and in names', async () => {
      const told = routes.filter(({ body }) => body !== undefined);
      expect(told).to.have.length.of.at.least(15);
      for (const route of told) {
        const path = soundPathOf(route);
        expect(await fieldsOf(route.method, path, { name: NUL, of: [{ x: HALF }] }), nameOf(route)).to.deep.equal([
          '/name',
          '/of/0/x',
        ]);
        expect(await fieldsOf(route.method, path, { of: { [NUL]: 1 } }), nameOf(route)).to.deep.equal(['/of']);
      }
    });

    it('is refused in the options of an upload', async () => {
      const answer = await platform.admin.upload({ content: 'a\n1\n', options: { missingValues: [NUL] } });
      expect([answer.status, parse(Problem, answer.json, 'upload').errors[0]?.path]).to.deep.equal([
        422,
        '/missingValues/0',
      ]);
    });

    it('is told from text that looks like it', async () => {
      const name = 'a\u{1f600} \\u0000 \ufffd';
      const made = await platform.admin.request('POST', '/users', { json: { name: `user ${client}` } });
      const { id: userId } = made.json as { id: string };
      const key = await platform.admin.request('POST', '/api-keys', { json: { name, userId } });
      expect([key.status, (key.json as { name: string }).name]).to.deep.equal([201, name]);
    });
  });
