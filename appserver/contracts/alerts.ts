import { nullable, plainText, oneOf, strict } from './schema.ts';
import { Type, type Static } from './type.ts';

/**
 * What is watched of a deployment:
 * - `feature-drift`: values of a feature beside those of training;
 * - `prediction-drift`: predictions beside those of rows that the model had not seen in training;
 * - `accuracy`: predictions beside true outcomes, worse than those in training;
 * - `errors`: requests that failed by the server (5xx, 429);
 * - `latency`: the 99th percentile, beside what it was;
 * - `silence`: not one request in an hour in which there always were some.
 */
export const ALERT_KINDS = [
  ...(['feature-drift', 'prediction-drift', 'accuracy'] as const),
  ...(['errors', 'latency', 'silence'] as const),
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

/** What is looked at together, each with a part of the budget: drift of an hour and of a day (UTC), and how an hour was served. */
export const ALERT_FAMILIES = ['hour', 'day', 'service'] as const;
export type AlertFamily = (typeof ALERT_FAMILIES)[number];

/** Channels of a deployment, and receivers of one mail, at most. */
export const ALERT_CHANNELS_MAX = 10;
export const ALERT_RECEIVERS_MAX = 20;
/** False alarms a month where nothing is said. */
export const FALSE_ALARMS_DEFAULT = 2;

const MailAddress = Type.String({
  maxLength: 254,
  pattern: '^[^\\s<>()\\[\\],;:\\\\"@\\u0000-\\u001f]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$',
  description: 'such as name@example.org, without a display name',
});

const Mail = strict({
  type: Type.Literal('mail'),
  to: Type.Array(MailAddress, { minItems: 1, maxItems: ALERT_RECEIVERS_MAX, uniqueItems: true }),
});
const Kafka = strict(
  { type: Type.Literal('kafka') },
  { description: 'into the topic `alerts.kafkaTopic` of the configuration' },
);
const WebhookUrl = plainText({
  maxLength: 2_000,
  description: 'http or https; its host is in `alerts.webhookHosts` of the configuration',
});

/** Where alerts go, as users say it. */
export const AlertChannelRequest = Type.Union([
  strict({
    type: Type.Literal('webhook'),
    url: WebhookUrl,
    secret: Type.Optional(
      nullable(
        Type.String({
          minLength: 16,
          maxLength: 200,
          description:
            'messages are signed with it; not given: the one that this URL had before, if any; null: none. Never shown',
        }),
      ),
    ),
  }),
  Mail,
  Kafka,
]);
export type AlertChannelRequest = Static<typeof AlertChannelRequest>;

/** Where alerts go, as it is shown. */
export const AlertChannel = Type.Union([
  strict({ type: Type.Literal('webhook'), url: Type.String(), hasSecret: Type.Boolean() }),
  Mail,
  Kafka,
]);
export type AlertChannel = Static<typeof AlertChannel>;

/** What a finding was made of, as far as it applies to its kind. */
export const AlertFacts = strict({
  psi: Type.Optional(Type.Number({ description: 'population stability index' })),
  missingRate: Type.Optional(strict({ training: Type.Number(), live: Type.Number() })),
  unseenRate: Type.Optional(Type.Number({ description: 'share of levels that training rows did not have' })),
  rate: Type.Optional(Type.Number({ description: 'share of requests that failed' })),
  p99Ms: Type.Optional(Type.Number()),
  usualRequests: Type.Optional(Type.Number({ description: 'least of that hour in the seven days before' })),
  error: Type.Optional(
    strict(
      { training: Type.Number(), live: Type.Number(), count: Type.Integer() },
      { description: 'share of wrong classes, or root of the mean squared error; outcomes' },
    ),
  ),
});
export type AlertFacts = Static<typeof AlertFacts>;

/** What a look at a deployment found, as it is kept. */
export const AlertFinding = strict({
  kind: oneOf(ALERT_KINDS),
  feature: nullable(Type.String()),
  excess: Type.Number({ description: 'how far it was out, as a multiple of the least that matters' }),
  pValue: nullable(Type.Number({ description: 'corrected for all signals of the look; null: only its past can tell' })),
  facts: AlertFacts,
});
export type AlertFinding = Static<typeof AlertFinding>;

/** Kinds of messages. */
export const ALERT_MESSAGES = ['alerts.opened', 'alerts.closed', 'alerts.test'] as const;
export type AlertMessageType = (typeof ALERT_MESSAGES)[number];

/** A message to a webhook or a topic; a mail says the same in words. It may come twice, then with the same id. */
export const AlertMessage = strict({
  id: Type.String(),
  type: oneOf(ALERT_MESSAGES),
  at: Type.String(),
  deployment: strict({ id: Type.String(), name: Type.String(), modelId: Type.String() }),
  alerts: Type.Array(
    strict({
      id: Type.String(),
      kind: oneOf(ALERT_KINDS),
      feature: nullable(Type.String()),
      from: Type.String(),
      to: Type.String(),
      excess: Type.Number(),
      threshold: Type.Number(),
      facts: AlertFacts,
      text: Type.String(),
    }),
  ),
  alertCount: Type.Integer({ minimum: 0, description: 'of which `alerts` names 50 at most, those furthest out' }),
  text: Type.String(),
});
export type AlertMessage = Static<typeof AlertMessage>;
