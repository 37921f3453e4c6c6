import {
  ALERT_CHANNELS_MAX,
  ALERT_FAMILIES,
  ALERT_KINDS,
  AlertChannel,
  AlertChannelRequest,
  AlertFacts,
  FALSE_ALARMS_DEFAULT,
} from '../alerts.ts';
import { Id, nullable, oneOf, strict, Timestamp } from '../schema.ts';
import { Type, type Static } from '../type.ts';

const FALSE_ALARMS_MAX = 100;
const MUTED_MAX = 1_000;

const Budget = {
  minimum: 0.01,
  maximum: FALSE_ALARMS_MAX,
  description: 'how many alarms a month are accepted though nothing has changed',
};

/** Replaces all of a deployment's settings of alerts: what is not given is as at the beginning. */
export const PutAlertsRequest = strict({
  enabled: Type.Optional(Type.Boolean({ description: 'by default true' })),
  falseAlarmsPerMonth: Type.Optional(Type.Number({ ...Budget, default: FALSE_ALARMS_DEFAULT })),
  channels: Type.Optional(Type.Array(AlertChannelRequest, { maxItems: ALERT_CHANNELS_MAX })),
  mutedFeatures: Type.Optional(
    Type.Array(Type.String(), {
      maxItems: MUTED_MAX,
      uniqueItems: true,
      description: 'features whose drift raises no alarm',
    }),
  ),
});
export type PutAlertsRequest = Static<typeof PutAlertsRequest>;

/** Whether an alarm was a false one: its time then counts as one without trouble, to which thresholds are fitted. `false`: it was a true one. */
export const PatchAlertRequest = strict({ falseAlarm: Type.Boolean() });

const Count = Type.Integer({ minimum: 0 });

export const Alert = strict(
  {
    id: Id,
    kind: oneOf(ALERT_KINDS),
    feature: nullable(Type.String()),
    family: oneOf(ALERT_FAMILIES),
    modelId: Id,
    state: oneOf(['open', 'closed']),
    openedAt: Type.Unsafe<string>({ ...Timestamp, description: 'end of the time that was looked at' }),
    lastAt: Type.Unsafe<string>({ ...Timestamp, description: 'end of the last one in which it still held' }),
    closedAt: nullable(Timestamp),
    excess: Type.Number({ description: 'how far it is out, as a multiple of the least that matters' }),
    threshold: Type.Number({ description: 'above which that was an alarm' }),
    pValue: nullable(Type.Number({ description: 'corrected for all that was looked at together' })),
    facts: AlertFacts,
    text: Type.String(),
    falseAlarm: nullable(Type.Boolean({ description: 'what somebody has said of it; null: nobody has' })),
  },
  { $id: 'Alert' },
);
export type Alert = Static<typeof Alert>;

/** What is watched, by what rule, and what was found. */
export const Alerts = strict(
  {
    deploymentId: Id,
    enabled: Type.Boolean(),
    falseAlarmsPerMonth: Type.Number(Budget),
    channels: Type.Array(AlertChannel),
    mutedFeatures: Type.Array(Type.String()),
    watchedTo: nullable(Type.Unsafe<string>({ ...Timestamp, description: 'up to when was looked; null: not yet' })),
    rules: Type.Array(
      strict({
        family: oneOf(ALERT_FAMILIES),
        falseAlarmsPerMonth: Type.Number({ description: 'its part of the budget' }),
        pValueMax: Type.Number({ description: 'above which a difference counts as chance' }),
        multiplier: Type.Number({ description: 'of what is usual for a signal, above which it is an alarm' }),
        looks: Type.Integer({ minimum: 0, description: 'of the past that the rule was fitted to' }),
        raisedAlarms: Type.Integer({
          minimum: 0,
          description: 'in the time of these looks; those that somebody has called true left out',
        }),
        budgetHeldByPast: Type.Boolean({
          description: 'whether the past is long enough to hold the budget by it alone',
        }),
        thresholds: Type.Array(
          strict({ kind: oneOf(ALERT_KINDS), feature: nullable(Type.String()), excess: Type.Number() }),
          {
            description: 'of signals that are often out; of all others the multiplier',
          },
        ),
      }),
    ),
    messages: strict({
      waiting: Count,
      failed: Type.Integer({ minimum: 0, description: 'given up' }),
      deliveredAt: nullable(Timestamp),
      lastError: nullable(strict({ channel: Type.String(), message: Type.String(), at: Timestamp })),
    }),
    data: Type.Array(Alert, { description: 'open ones first, then the newest; 100 at most' }),
  },
  { $id: 'Alerts' },
);
export type Alerts = Static<typeof Alerts>;

/** `rules=false` leaves the rules out, which takes a while of deployments that are often out. */
export const AlertsQuery = strict({ rules: Type.Optional(oneOf(['true', 'false'])) });

/** Messages that are on their way. */
export const TestAlertAnswer = strict({ messages: Type.Integer({ minimum: 0 }) });
