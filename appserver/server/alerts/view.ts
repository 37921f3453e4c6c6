import { ALERT_FAMILIES, type Alert, type AlertFamily, type Alerts } from '#contracts';
import { excessThreshold } from '#statistics';
import {
  listAlerts,
  messageTotals,
  readAlertWatch,
  readClock,
  type AlertRecord,
  type AlertSettings,
  type Database,
  type DeploymentRecord,
} from '#store';
import { isoOf } from '../auth/authenticate.ts';
import type { AppContext } from '../context.ts';
import { channelName } from './channels/send.ts';
import { readPast } from './past.ts';
import { readableSecrets } from './secrets.ts';
import { budgetOf, ruleOf, settingsOfWatch, signalOf } from './settings.ts';
import { wordsOf } from './words.ts';

/** Alarms of one answer. */
const SHOWN_MAX = 100;

const isoOrNull = (ms: number | null): string | null => (ms === null ? null : isoOf(ms));

export function alertViewOf({ id, finding, family, modelId, threshold, isFalse, ...alert }: AlertRecord): Alert {
  const { kind, feature, excess, pValue, facts } = finding;
  return {
    ...{ id, kind, feature, family, modelId },
    state: alert.closedAt === null ? 'open' : 'closed',
    ...{ openedAt: isoOf(alert.openedAt), lastAt: isoOf(alert.lastAt), closedAt: isoOrNull(alert.closedAt) },
    ...{ excess, threshold, pValue, facts, text: wordsOf(finding), falseAlarm: isFalse },
  };
}

/** What is watched of a deployment, by what rules, and what was found. */
export async function alertsOf(
  { database, sealer, logger }: Pick<AppContext, 'database' | 'sealer' | 'logger'>,
  deployment: DeploymentRecord,
  withRules = true,
): Promise<Alerts> {
  const { id } = deployment;
  const watch = await readAlertWatch(database, id);
  const settings = settingsOfWatch(watch);
  const secrets = readableSecrets(sealer, watch.secrets, logger);
  const messages = await messageTotals(database, id);
  const rules: Alerts['rules'] = [];
  if (withRules)
    for (const family of ALERT_FAMILIES) rules.push(await ruleView(database, deployment, family, settings));
  return {
    ...{ deploymentId: id, enabled: settings.enabled, falseAlarmsPerMonth: settings.falseAlarmsPerMonth },
    channels: settings.channels.map((channel) =>
      channel.type === 'webhook'
        ? { ...channel, hasSecret: secrets.has(channel.url) }
        : channel.type === 'mail'
          ? { ...channel, to: [...channel.to] }
          : channel,
    ),
    ...{ mutedFeatures: [...settings.mutedFeatures], watchedTo: isoOrNull(watch.watchedTo), rules },
    messages: {
      ...{ waiting: messages.waiting, failed: messages.failed, deliveredAt: isoOrNull(messages.deliveredAt) },
      lastError:
        messages.lastError === null
          ? null
          : {
              channel: channelName(messages.lastError.channel),
              message: messages.lastError.message,
              at: isoOf(messages.lastError.at),
            },
    },
    data: (await listAlerts(database, id, SHOWN_MAX)).map(alertViewOf),
  };
}

/** The rule as the next look will find it. */
async function ruleView(
  database: Database,
  { id, modelId }: DeploymentRecord,
  family: AlertFamily,
  settings: AlertSettings,
): Promise<Alerts['rules'][number]> {
  const past = await readPast(database, id, { family, endedAt: (await readClock(database)) + 1, modelId });
  const raised = past.alerts.filter((alert) => alert.family === family && alert.isFalse !== false);
  const rule = ruleOf(family, settings, past);
  const signals = new Map(
    past.looks.flatMap(({ findings }) => findings.map((finding) => [signalOf(finding), finding])),
  );
  return {
    ...{ family, falseAlarmsPerMonth: budgetOf(settings), pValueMax: rule.alpha, multiplier: rule.multiplier },
    ...{ looks: rule.lookCount, raisedAlarms: raised.length, budgetHeldByPast: rule.isCertain },
    thresholds: [...signals]
      .filter(([signal]) => rule.usual.has(signal))
      .map(([signal, { kind, feature }]) => ({ kind, feature, excess: excessThreshold(signal, rule) })),
  };
}
