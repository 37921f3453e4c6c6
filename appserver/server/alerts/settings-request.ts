import {
  AppError,
  FALSE_ALARMS_DEFAULT,
  type AlertChannelRequest,
  type FieldError,
  type PutAlertsRequest,
} from '#contracts';
import { checkUrl, type Config } from '#runtime';
import type { AlertSettings, StoredChannel } from '#store';
import { checkMail } from './channels/mail.ts';

/** Settings with what messages are signed with, by URL. */
export interface AskedSettings {
  readonly settings: AlertSettings;
  readonly secrets: ReadonlyMap<string, string>;
}

/**
 * Settings that a user asks for, held against what the configuration allows.
 *
 * @param features of the model; null: not known
 * @param secrets by URL, as they are: a URL that comes without one keeps its own
 * @throws VALIDATION_FAILED naming each field that is refused, what was found and who can change it
 */
export function settingsFrom(
  asked: PutAlertsRequest,
  config: Pick<Config, 'alerts' | 'telemetry'>,
  { features, secrets }: { readonly features: readonly string[] | null; readonly secrets: ReadonlyMap<string, string> },
): AskedSettings {
  const { enabled = true, falseAlarmsPerMonth = FALSE_ALARMS_DEFAULT, channels = [], mutedFeatures = [] } = asked;
  const errors: FieldError[] = [];
  const kept = new Map<string, string>();
  const seen = new Set<string>();
  const stored = channels.map((channel, index): StoredChannel => {
    const path = `/channels/${index}`;
    const key = JSON.stringify(channel.type === 'webhook' ? channel.url : channel);
    if (seen.has(key)) errors.push({ path, message: 'is there twice; leave one out' });
    seen.add(key);
    const complaint = complaintAbout(channel, config);
    if (complaint !== null) errors.push({ path: `${path}${complaint.field}`, message: complaint.message });
    if (channel.type !== 'webhook') return channel;
    const signed = channel.secret === undefined ? (secrets.get(channel.url) ?? null) : channel.secret;
    if (signed !== null) kept.set(channel.url, signed);
    return { type: 'webhook', url: channel.url };
  });
  mutedFeatures.forEach((name, index) => {
    if (features !== null && !features.includes(name))
      errors.push({ path: `/mutedFeatures/${index}`, message: `${JSON.stringify(name)} is no feature of the model` });
  });
  const [first] = errors;
  if (first !== undefined) throw new AppError('VALIDATION_FAILED', `body: ${first.path} ${first.message}`, { errors });
  return { settings: { enabled, falseAlarmsPerMonth, channels: stored, mutedFeatures }, secrets: kept };
}

interface Complaint {
  readonly field: '' | '/url' | '/type';
  readonly message: string;
}

/** What the configuration does not allow of a channel. */
function complaintAbout(
  channel: AlertChannelRequest,
  { alerts, telemetry }: Pick<Config, 'alerts' | 'telemetry'>,
): Complaint | null {
  switch (channel.type) {
    case 'webhook':
      return complaintOf('/url', () =>
        checkUrl(parseUrl(channel.url), { hosts: alerts.webhookHosts, key: 'alerts.webhookHosts' }),
      );
    case 'mail':
      return complaintOf('/type', () => checkMail(alerts.mail));
    case 'kafka':
      if (alerts.kafkaTopic !== '' && telemetry.kafka.brokers.length > 0) return null;
      return {
        field: '/type',
        message:
          'kafka: there is no topic for it; an administrator names alerts.kafkaTopic and telemetry.kafka.brokers',
      };
  }
}

function complaintOf(field: Complaint['field'], check: () => unknown): Complaint | null {
  try {
    check();
    return null;
  } catch (err) {
    const reason = err instanceof Error ? err.message : String(err);
    return { field, message: `${reason}; an administrator can change that in the configuration` };
  }
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text))
    throw new AppError('VALIDATION_FAILED', `is no URL: found ${JSON.stringify(text.slice(0, 80))}`);
  return new URL(text);
}
