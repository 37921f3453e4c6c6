import { expect } from 'chai';
import { AppError } from '#contracts';
import { AuthenticatedHttp, HttpTransport, readText, type Negotiator } from '#hadoop-auth';
import { appErrorOf } from '../../../support/expect-error.ts';
import { startFakeWebHdfs, type FakeWebHdfs } from '../../../support/hadoop/fake-webhdfs.ts';

const TICKET = 'VElDS0VU';
const PROOF = 'UFJPT0Y=';

/** A negotiator whose library always says yes, and that counts. */
function countingNegotiator(): Negotiator & { count: number; open: number } {
  const negotiator = {
    principal: 'trainyard@REALM',
    count: 0,
    open: 0,
    async negotiate(host: string) {
      expect(host).to.equal('localhost');
      negotiator.count += 1;
      negotiator.open += 1;
      return {
        token: TICKET,
        async verify(answer: string) {
          if (answer !== PROOF) throw new AppError('HADOOP_AUTH_FAILED', 'another server');
        },
        close: () => void (negotiator.open -= 1),
      };
    },
  };
  return negotiator;
}

describe('AuthenticatedHttp', () => {
  const transport = new HttpTransport();
  let server: FakeWebHdfs | undefined;
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });
  after(() => transport.close());

  /** A service that accepts the ticket and `cookies`, newest last. */
  const serve = async (cookies: string[], proof: string | null = PROOF): Promise<URL> => {
    server = await startFakeWebHdfs(({ headers }, response) => {
      const cookie = cookies.at(-1) ?? '';
      if (headers.authorization === `Negotiate ${TICKET}`) {
        response.writeHead(200, {
          ...(proof === null ? {} : { 'www-authenticate': `Negotiate ${proof}` }),
          'set-cookie': `hadoop.auth=${cookie}; Path=/; Secure; HttpOnly`,
        });
        return void response.end('by ticket');
      }
      if (headers.cookie === `hadoop.auth=${cookie}`) return void response.end('by cookie');
      response.writeHead(401, { 'www-authenticate': 'Negotiate', 'set-cookie': 'hadoop.auth=; Path=/' }).end();
    });
    return new URL(server.url);
  };
  const ask = async (http: AuthenticatedHttp, url: URL): Promise<string> =>
    readText(await http.request({ method: 'GET', url }), 1_000);

  it('sends the ticket at once, then the cookie with its quotes, and the ticket again when that is refused', async () => {
    const cookies = ['"u=a&s=1"'];
    const url = await serve(cookies);
    const negotiator = countingNegotiator();
    const http = new AuthenticatedHttp(transport, { kind: 'kerberos', negotiator });
    expect(await ask(http, url)).to.equal('by ticket');
    expect(await ask(http, url)).to.equal('by cookie');
    // The server was restarted with another secret.
    cookies.push('"u=a&s=2"');
    expect(await ask(http, url)).to.equal('by ticket');
    expect(await ask(http, url)).to.equal('by cookie');
    expect([negotiator.count, negotiator.open]).to.deep.equal([2, 0]);
  });

  it('asks for one ticket however many begin at once after the first', async () => {
    const url = await serve(['c']);
    const negotiator = countingNegotiator();
    const http = new AuthenticatedHttp(transport, { kind: 'kerberos', negotiator });
    const first = ask(http, url);
    await Promise.resolve();
    await Promise.all([first, ...Array.from({ length: 10 }, () => ask(http, url))]);
    expect(negotiator.count).to.equal(1);
  });

  it('refuses a server that does not prove who it is', async () => {
    for (const proof of [null, 'T1RIRVI=']) {
      const url = await serve(['c'], proof);
      const negotiator = countingNegotiator();
      const http = new AuthenticatedHttp(transport, { kind: 'kerberos', negotiator });
      await appErrorOf('HADOOP_AUTH_FAILED', () => ask(http, url));
      expect(negotiator.open).to.equal(0);
      await server?.close();
    }
    server = undefined;
  });

  it('says why a ticket was refused', async () => {
    const cases = [
      [401, '', 'HADOOP_AUTH_FAILED', /found 401 after a Kerberos ticket/],
      [403, 'GSSException: Failure (Mechanism level: Checksum failed)', 'HADOOP_AUTH_FAILED', /Checksum failed/],
      [403, 'GSSException: Failure (Mechanism level: Clock skew too great (37))', 'KERBEROS_CLOCK_SKEW', /Clock skew/],
    ] as const;
    for (const [status, body, code, message] of cases) {
      server = await startFakeWebHdfs((_asked, response) => response.writeHead(status).end(body));
      const http = new AuthenticatedHttp(transport, { kind: 'kerberos', negotiator: countingNegotiator() });
      const err = await appErrorOf(code, () => ask(http, new URL(server?.url ?? '')));
      expect(err.message).to.match(message).and.not.contain(TICKET);
      await server.close();
    }
    server = await startFakeWebHdfs((_asked, response) => response.writeHead(404).end('no such path'));
    const http = new AuthenticatedHttp(transport, { kind: 'kerberos', negotiator: countingNegotiator() });
    expect(await ask(http, new URL(server.url))).to.equal('no such path');
  });

  it('says a name where there is no Kerberos, and nothing where a token speaks', async () => {
    const url = await serve(['c']);
    await new AuthenticatedHttp(transport, { kind: 'simple', user: 'alice' }).request({ method: 'GET', url });
    await new AuthenticatedHttp(transport, { kind: 'none' }).request({ method: 'GET', url });
    expect(server?.asked.map(({ query }) => query.get('user.name'))).to.deep.equal(['alice', null]);
  });
});
