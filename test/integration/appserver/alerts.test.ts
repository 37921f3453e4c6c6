import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { expect } from 'chai';
import { SMTPServer } from 'smtp-server';
import { Alert, AlertMessage, Alerts, parse, TestAlertAnswer } from '#contracts';
import { createRandom } from '#statistics';
import { openDatabase } from '#store';
import { someThing, startMonitoredWorld, type MonitoredWorld } from '../../support/monitored-world.ts';
import { until } from '../../support/processes.ts';

const HOUR = 3_600_000;
const SECRET = 'a secret of sixteen characters or more';

/** A receiver of webhooks that answers 503 to the first request, as one that is being restarted. */
async function startReceiver() {
  const requests: { readonly headers: http.IncomingHttpHeaders; readonly body: string }[] = [];
  let refused = 0;
  const server = http.createServer((req, res) => {
    void textOf(req).then((body) => {
      if (refused === 0) {
        refused += 1;
        res.writeHead(503).end('later');
        return;
      }
      requests.push({ headers: req.headers, body });
      res.writeHead(204).end();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, requests, port, refused: () => refused, url: `http://127.0.0.1:${port}/hook` };
}

/** A mail server without log-in and TLS. */
async function startMailServer() {
  const mails: { readonly to: readonly string[]; readonly raw: string }[] = [];
  const server = new SMTPServer({
    ...{ authOptional: true, disabledCommands: ['STARTTLS', 'AUTH'], disableReverseLookup: true },
    onData(stream, session, done) {
      void textOf(stream).then((raw) => {
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), raw });
        done();
      });
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  return { server, mails, port };
}

describe('app server: alerts, of events that crossed the wire', function () {
  this.timeout(180_000);
  let world: MonitoredWorld;
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
  let mail: Awaited<ReturnType<typeof startMailServer>>;
  let path: string;
  before(async () => {
    receiver = await startReceiver();
    mail = await startMailServer();
    world = await startMonitoredWorld({
      ...{ 'alerts.checkMs': 100, 'alerts.graceMs': 1, 'alerts.webhookHosts': [`127.0.0.1:${receiver.port}`] },
      ...{ 'alerts.mail.host': '127.0.0.1', 'alerts.mail.port': mail.port, 'alerts.mail.tls': 'off' },
      'alerts.mail.from': 'trainyard@example.org',
    });
    path = `/deployments/${world.deployment.id}/alerts`;
  });
  after(async () => {
    await world?.close();
    receiver?.server.close();
    await new Promise<void>((resolve) => mail.server.close(() => resolve()));
  });
  const put = (json: unknown) => world.api.call('PUT', path, 200, Alerts, { json });

  it('watches deployments without being asked, and says by what rule', async () => {
    const alerts = await world.api.get(path, Alerts);
    expect(alerts).to.deep.include({ enabled: true, falseAlarmsPerMonth: 2, channels: [], data: [] });
    expect(alerts.rules.map(({ family }) => family)).to.deep.equal(['hour', 'day', 'service']);
    const [hour] = alerts.rules;
    expect(hour?.pValueMax, 'a third of the budget, 730.5 looks a month').to.be.closeTo(2 / 3 / 730.5, 1e-12);
    expect(hour?.budgetHeldByPast).to.equal(false);
  });

  it('refuses channels that the configuration does not allow, each with its reason', async () => {
    const refusals: readonly (readonly [json: unknown, says: RegExp])[] = [
      [
        { channels: [{ type: 'webhook', url: 'http://10.0.0.1/' }] },
        /channels\/0\/url.*10\.0\.0\.1 is not in alerts\.webhookHosts.*administrator/,
      ],
      [{ channels: [{ type: 'webhook', url: 'receiver' }] }, /channels\/0\/url.*no URL: found "receiver"/],
      [{ channels: [{ type: 'webhook', url: receiver.url, secret: 'short' }] }, /channels\/0\/secret/],
      [{ channels: [{ type: 'mail', to: ['Ann <ann@example.org>'] }] }, /channels\/0\/to\/0/],
      [{ channels: [{ type: 'mail', to: ['ann@example.org\r\nBcc: eve@example.org'] }] }, /channels\/0\/to\/0/],
      [{ channels: [{ type: 'kafka' }] }, /channels\/0\/type.*alerts\.kafkaTopic/],
      [
        {
          channels: [
            { type: 'webhook', url: receiver.url },
            { type: 'webhook', url: receiver.url },
          ],
        },
        /channels\/1.*twice/,
      ],
      [{ falseAlarmsPerMonth: 0 }, /falseAlarmsPerMonth/],
      [{ budget: 1 }, /budget/],
    ];
    for (const [json, says] of refusals)
      await world.api.refused('PUT', path, { status: 422, code: 'VALIDATION_FAILED', says: [says] }, { json });
    await world.api.refused('POST', `${path}/test`, { status: 409, code: 'CONFLICT', says: [/no channels/] });
    await world.api.refused(
      ...(['PATCH', `${path}/alt_none`, { status: 404, code: 'NOT_FOUND', says: [/alt_none/] }] as const),
      { json: { falseAlarm: true } },
    );
    const { api: bob } = await world.app.user('bob');
    await bob.refused('GET', path, { status: 404, code: 'NOT_FOUND' });
  });

  it('keeps what messages are signed with, and never shows it', async () => {
    const channels = [
      { type: 'webhook', url: receiver.url, secret: SECRET },
      { type: 'mail', to: ['ann@example.org', 'bob@example.org'] },
    ];
    const set = await put({ falseAlarmsPerMonth: 3, channels });
    expect(set.channels).to.deep.equal([{ type: 'webhook', url: receiver.url, hasSecret: true }, channels[1]]);
    const again = await put({
      falseAlarmsPerMonth: 3,
      channels: [{ type: 'webhook', url: receiver.url }, channels[1]],
    });
    expect(again.channels, 'the same one is kept').to.deep.equal(set.channels);
    expect(JSON.stringify(again)).not.to.include(SECRET);
  });

  it('tries its channels, and a receiver that is away again', async () => {
    const answer = await world.api.call('POST', `${path}/test`, 202, TestAlertAnswer);
    expect(answer).to.deep.equal({ messages: 2 });
    await until('a mail', () => mail.mails.length === 1);
    await until('a request that was refused', () => receiver.refused() === 1);
    const alerts = await until('the refusal', async () => {
      const found = await world.api.get(path, Alerts);
      return found.messages.lastError === null ? null : found;
    });
    expect(alerts.messages).to.deep.include({ waiting: 1, failed: 0 });
    expect(alerts.messages.lastError).to.deep.include({
      channel: `webhook 127.0.0.1:${receiver.port}`,
      message: 'was answered 503',
    });
    await until('the same message', () => receiver.requests.length === 1);
    expect(mail.mails[0]?.to).to.deep.equal(['ann@example.org', 'bob@example.org']);
    expect(mail.mails[0]?.raw).to.match(/^Subject: \[Trainyard\] things: a test of alerts, nothing is wrong/m);
  });

  it('raises an alarm of the one feature that has shifted, once, signed, on each channel', async () => {
    const random = createRandom(8);
    await world.predict(Array.from({ length: 600 }, () => ({ ...someThing(random), colour: 'red' })));
    await world.settle();
    await anHourAgo(world);

    const alerts = await until('alarms', async () => {
      const found = await world.api.get(path, Alerts);
      return found.data.length === 0 ? null : found;
    });
    const kinds = alerts.data.map(({ kind, feature }) => [kind, feature]);
    expect(kinds, 'red things are yes more often').to.have.deep.members([
      ['feature-drift', 'colour'],
      ['prediction-drift', null],
    ]);
    const colour = alerts.data.find(({ feature }) => feature === 'colour') ?? expect.fail('no alarm of colour');
    expect(colour).to.deep.include({ state: 'open', family: 'hour', threshold: 1, falseAlarm: null });
    expect(colour.text).to.match(/^"colour" has drifted from the training data: stability index [0-9.]+/);
    expect(colour.pValue).to.be.below(1e-20);

    await until('a request', () => receiver.requests.length === 2);
    await until('a mail', () => mail.mails.length === 2);
    const { headers, body } = receiver.requests[1] ?? expect.fail('no request');
    const message = parse(AlertMessage, JSON.parse(body), 'message');
    expect(message).to.deep.include({ type: 'alerts.opened', id: headers['idempotency-key'] });
    expect(message.alerts.map(({ feature }) => feature)).to.have.members(['colour', null]);
    const [, seconds = '', signature = ''] =
      /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['x-trainyard-signature'])) ?? [];
    expect(createHmac('sha256', SECRET).update(`${seconds}.${body}`).digest('hex')).to.equal(signature);
    expect(mail.mails[1]?.raw.replaceAll('=\r\n', '')).to.match(/- "colour" has drifted/);

    const looked = alerts.watchedTo;
    await until('another look', async () => (await world.api.get(path, Alerts)).messages.waiting === 0);
    expect(looked).to.equal((await world.api.get(path, Alerts)).watchedTo);
    expect([receiver.requests.length, mail.mails.length], 'once').to.deep.equal([2, 2]);

    const called = await world.api.call('PATCH', `${path}/${colour.id}`, 200, Alert, { json: { falseAlarm: true } });
    expect(called.falseAlarm).to.equal(true);
    const after = await world.api.get(path, Alerts);
    const hour = after.rules.find(({ family }) => family === 'hour');
    expect(
      hour?.thresholds.map(({ feature }) => feature),
      'what was called false is usual now',
    ).to.deep.equal(['colour']);
  });

  it('knows the features that may be muted', async () => {
    await world.api.refused(
      ...([
        'PUT',
        path,
        { status: 422, code: 'VALIDATION_FAILED', says: [/mutedFeatures\/0.*"colours" is no feature/] },
      ] as const),
      { json: { mutedFeatures: ['colours'] } },
    );
    expect((await put({ mutedFeatures: ['colour'], enabled: false })).mutedFeatures).to.deep.equal(['colour']);
  });
});

/** As if all that was counted had been told an hour earlier, and nothing had been looked at yet. */
async function anHourAgo({ app, deployment }: MonitoredWorld): Promise<void> {
  const { database, monitor } = app.config;
  const options = { url: '', poolMax: 1, statementTimeoutMs: 10_000 };
  const monitoring = await openDatabase({ ...options, client: 'sqlite', file: monitor.database.file });
  for (const table of ['prediction_hour', 'feature_hour', 'service_hour'])
    await monitoring.knex(table).where({ deployment_id: deployment.id }).decrement('hour', HOUR);
  await monitoring.close();
  const main = await openDatabase({ ...options, client: 'sqlite', file: database.file });
  await main.transaction(async ({ knex }) => {
    await knex('deployments')
      .where({ id: deployment.id })
      .decrement('created_at', 2 * HOUR);
    const where = { deployment_id: deployment.id };
    await knex('alert_look').where(where).delete();
    await knex('alert_watch').where(where).update({ watched_from: null, watched_to: null });
  });
  await main.close();
}
