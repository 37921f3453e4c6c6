import { expect } from 'chai';
import type { AlertFamily, AlertFinding } from '#contracts';
import {
  alertsSince,
  dueMessages,
  findDeployment,
  forgetAlerts,
  insertDeployment,
  insertLook,
  listAlerts,
  messageTotals,
  noteDelivered,
  noteUndelivered,
  readAlertWatch,
  readLooks,
  saveAlertWatch,
  updateAlert,
  type AlertLook,
  type AlertRecord,
  type AlertSettings,
  type Database,
  type DeploymentRecord,
} from '#store';
import { alarmsIn, closeAlarms, openAlarms, tell } from '../../../appserver/server/alerts/raise.ts';
import { ruleOf } from '../../../appserver/server/alerts/settings.ts';

const HOUR = 3_600_000;
/** A midnight, UTC. */
const START = Date.UTC(2026, 10, 2);

const SETTINGS: AlertSettings = {
  enabled: true,
  falseAlarmsPerMonth: 3,
  channels: [
    { type: 'webhook', url: 'https://receiver.example/alerts' },
    { type: 'mail', to: ['ann@example.org'] },
  ],
  mutedFeatures: [],
};

/** A database whose rows may refer to what is not there: deployments without their models. */
export interface LooseDatabase {
  readonly database: Database;
  close(): Promise<void>;
}

const drift = (feature: string, excess = 5): AlertFinding => ({
  ...{ kind: 'feature-drift', feature, excess, pValue: 1e-9, facts: { psi: excess / 10 } },
});
const ERRORS: AlertFinding = { kind: 'errors', feature: null, excess: 9, pValue: 1e-12, facts: { rate: 0.09 } };

export function alertsSuite(name: string, open: () => Promise<LooseDatabase>): void {
  describe(`alerts: ${name}`, function () {
    this.timeout(60_000);
    let loose: LooseDatabase;
    let deployment: DeploymentRecord;
    before(async () => (loose = await open()));
    after(() => loose.close());
    let count = 0;
    beforeEach(async () => {
      count += 1;
      const id = `dep_${count}`;
      const names = { id, name: 'shop', description: '', modelId: 'mdl_1', projectId: 'prj_1', groupName: 'default' };
      const rest = { settings: { missingColumns: 'warn' }, intervals: null, createdBy: 'usr_1' } as const;
      await loose.database.transaction((trx) => insertDeployment(trx, { ...names, ...rest }, 'first'));
      deployment = (await findDeployment(loose.database, id)) ?? expect.fail('no deployment');
    });

    /** Keeps a look at the hour that ended so many hours after the start, and raises what it says. */
    const look = async (
      hours: number,
      findings: readonly AlertFinding[],
      { family = 'hour', modelId = 'mdl_1', settings = SETTINGS }: LookOptions = {},
    ): Promise<Raised> => {
      const { database } = loose;
      const one: AlertLook = { family, endedAt: START + hours * HOUR, modelId, findings };
      return database.transaction(async (trx) => {
        await insertLook(trx, deployment.id, one);
        const looks = await readLooks(trx, deployment.id, family, { from: START, to: one.endedAt });
        const known = await alertsSince(trx, deployment.id, 0);
        const rule = ruleOf(family, settings, { looks, alerts: known });
        const alarms = alarmsIn(one, rule, settings);
        const opened = await openAlarms(trx, deployment, one, { alarms, rule, known });
        const served = { ...deployment, modelId };
        const closed = await closeAlarms(trx, served, await alertsSince(trx, deployment.id, 0), one.endedAt);
        return { opened, closed };
      });
    };
    interface Raised {
      readonly opened: readonly AlertRecord[];
      readonly closed: readonly AlertRecord[];
    }
    interface LookOptions {
      readonly family?: AlertFamily;
      readonly modelId?: string;
      readonly settings?: AlertSettings;
    }
    const counts = ({ opened, closed }: Raised) => [opened.length, closed.length];

    it('opens one alarm of a signal, keeps it while it lasts, and closes it when it was quiet for three hours', async () => {
      expect(counts(await look(1, [drift('age'), drift('colour')]))).to.deep.equal([2, 0]);
      expect(counts(await look(2, [drift('age', 8)])), 'told already').to.deep.equal([0, 0]);
      expect(counts(await look(3, []))).to.deep.equal([0, 0]);
      const fourth = await look(4, []);
      expect(
        fourth.closed.map(({ finding }) => finding.feature),
        'colour is quiet since the first',
      ).to.deep.equal(['colour']);
      expect((await look(5, [])).closed.map(({ finding }) => [finding.feature, finding.excess])).to.deep.equal([
        ['age', 8],
      ]);
      const all = await listAlerts(loose.database, deployment.id, 10);
      expect(all.map(({ closedAt }) => closedAt)).to.have.members([START + 4 * HOUR, START + 5 * HOUR]);
      expect(counts(await look(6, [drift('age')])), 'a new one').to.deep.equal([1, 0]);
    });

    it('does not tell of a day what an hour of it has told', async () => {
      expect(counts(await look(2, [drift('age')]))).to.deep.equal([1, 0]);
      expect(counts(await look(5, []))).to.deep.equal([0, 1]);
      expect(counts(await look(24, [drift('age'), drift('weight')], { family: 'day' }))).to.deep.equal([1, 0]);
      expect((await look(30, [])).closed, 'a day alarm has a day').to.deep.equal([]);
      expect(counts(await look(48, [drift('age')], { family: 'day' })), 'another day; weight is over').to.deep.equal([
        1, 1,
      ]);
    });

    it('says nothing of muted features', async () => {
      const settings = { ...SETTINGS, mutedFeatures: ['age'] };
      expect(counts(await look(1, [drift('age')], { settings }))).to.deep.equal([0, 0]);
    });

    it('closes alarms of a model that is replaced, but not of how requests are served', async () => {
      await look(1, [drift('age')]);
      await look(1, [ERRORS], { family: 'service' });
      const { closed } = await look(2, [], { modelId: 'mdl_2' });
      expect(closed.map(({ finding }) => finding.kind)).to.deep.equal(['feature-drift']);
      expect(counts(await look(2, [ERRORS], { family: 'service', modelId: 'mdl_2' }))).to.deep.equal([0, 0]);
    });

    it('closes alarms when nothing is asked any more', async () => {
      await look(1, [drift('age')]);
      expect((await look(4, [ERRORS], { family: 'service' })).closed.map(({ family }) => family)).to.deep.equal([
        'hour',
      ]);
    });

    it('takes what rings again and again for usual, unless it is called true, and what is called false at once', async () => {
      for (let hour = 1; hour <= 60; hour += 1) await look(hour, [drift('season', 4 + (hour % 3) / 10)]);
      const [alarm] = await listAlerts(loose.database, deployment.id, 10);
      expect(alarm?.lastAt, 'open all the time').to.equal(START + 60 * HOUR);
      const quiet = async (from: number) => {
        for (let hour = from; hour < from + 3; hour += 1) await look(hour, []);
      };
      await quiet(61);
      expect(counts(await look(64, [drift('season', 4)])), 'one that nobody speaks of is true').to.deep.equal([1, 0]);
      await quiet(65);
      expect(counts(await look(68, [drift('season', 4)])), 'of two the older one is usual').to.deep.equal([0, 0]);
      const say = (isFalse: boolean) =>
        loose.database.transaction(async (trx) => {
          for (const { id } of await listAlerts(trx, deployment.id, 10)) await updateAlert(trx, id, { isFalse });
        });
      await say(false);
      expect(counts(await look(69, [drift('season', 4.1)])), 'true').to.deep.equal([1, 0]);
      await quiet(70);
      await say(true);
      expect(counts(await look(73, [drift('season', 4)])), 'false, so usual').to.deep.equal([0, 0]);
      expect(counts(await look(74, [drift('season', 9)])), 'more than usual').to.deep.equal([1, 0]);
    });

    it('puts a message on each channel, tries again what failed, and tells what became of it', async () => {
      const { database } = loose;
      await database.transaction(async (trx) => {
        const one: AlertLook = {
          ...{ family: 'hour', endedAt: START + HOUR, modelId: 'mdl_1' },
          findings: [drift('age'), drift('colour')],
        };
        const rule = ruleOf('hour', SETTINGS, { looks: [], alerts: [] });
        const opened = await openAlarms(trx, deployment, one, { alarms: one.findings, rule, known: [] });
        await tell(trx, deployment, SETTINGS, 'alerts.opened', { alerts: opened, atMs: START });
      });
      const mine = async () => (await dueMessages(database, 100)).filter((one) => one.deploymentId === deployment.id);
      const [first, second] = (await mine()).sort((a, b) => (a.id < b.id ? -1 : 1));
      if (first === undefined || second === undefined) expect.fail('two messages');
      expect([first.channel.type, second.channel.type]).to.deep.equal(['webhook', 'mail']);
      expect(first.body.alerts.map(({ feature, from }) => [feature, from])).to.deep.equal([
        ['age', '2026-11-02T00:00:00.000Z'],
        ['colour', '2026-11-02T00:00:00.000Z'],
      ]);
      expect(first.body.text).to.equal(
        'shop: "age" has drifted from the training data: stability index 0.5, and 1 more',
      );
      await noteDelivered(database, first.id);
      await noteUndelivered(database, second.id, { error: 'no answer', retryMs: 60_000 });
      expect(await mine()).to.deep.equal([]);
      const waiting = await messageTotals(database, deployment.id);
      expect(waiting).to.deep.include({ waiting: 1, failed: 0 });
      expect(waiting.lastError).to.deep.include({
        message: 'no answer',
        channel: { type: 'mail', to: ['ann@example.org'] },
      });
      await noteUndelivered(database, second.id, { error: 'no answer', retryMs: null });
      expect(await messageTotals(database, deployment.id)).to.deep.include({ waiting: 0, failed: 1 });
    });

    it('keeps settings and how far was looked apart, and forgets what is over', async () => {
      const { database } = loose;
      expect(await readAlertWatch(database, deployment.id)).to.deep.include({ settings: null, watchedTo: null });
      await saveAlertWatch(database, deployment.id, { settings: SETTINGS, secrets: 'sealed' });
      await saveAlertWatch(database, deployment.id, { watchedFrom: 1, watchedTo: 2 });
      expect(await readAlertWatch(database, deployment.id)).to.deep.equal({
        ...{ settings: SETTINGS, secrets: 'sealed', watchedFrom: 1, watchedTo: 2 },
      });
      await look(1, [drift('age')]);
      await look(4, []);
      await look(5, [drift('weight')]);
      await database.transaction((trx) => forgetAlerts(trx, deployment.id, START + 5 * HOUR));
      expect((await readLooks(database, deployment.id, 'hour', { from: 0, to: START + 99 * HOUR })).length).to.equal(1);
      expect((await listAlerts(database, deployment.id, 10)).map(({ finding }) => finding.feature)).to.deep.equal([
        'weight',
      ]);
    });
  });
}
