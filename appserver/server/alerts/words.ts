import type { AlertFinding, AlertMessageType } from '#contracts';

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
const short = (value: number): string => String(Number(value.toPrecision(3)));

/** A finding in one sentence. */
export function wordsOf({ kind, feature, facts }: Pick<AlertFinding, 'kind' | 'feature' | 'facts'>): string {
  const { psi = NaN } = facts;
  switch (kind) {
    case 'feature-drift':
      return `${JSON.stringify(feature ?? '')} has drifted from the training data: stability index ${short(psi)}${causes(facts)}`;
    case 'prediction-drift':
      return `predictions have drifted from those of training: stability index ${short(psi)}`;
    case 'accuracy': {
      const { training = NaN, live = NaN, count = 0 } = facts.error ?? {};
      return `predictions are less accurate than in training: error ${short(live)} of ${count} outcomes, instead of ${short(training)}`;
    }
    case 'errors':
      return `${percent(facts.rate ?? NaN)} of the requests failed (5xx or 429)`;
    case 'latency':
      return `one request of a hundred took longer than ${short(facts.p99Ms ?? NaN)} ms`;
    case 'silence':
      return `not one request, where there were ${short(facts.usualRequests ?? NaN)} or more in this hour of the seven days before`;
  }
}

/** Missing and unseen values that explain a drift. */
function causes({ missingRate, unseenRate }: AlertFinding['facts']): string {
  const parts: string[] = [];
  if (missingRate !== undefined && Math.abs(missingRate.live - missingRate.training) >= 0.01)
    parts.push(`${percent(missingRate.live)} missing instead of ${percent(missingRate.training)}`);
  if (unseenRate !== undefined && unseenRate >= 0.01)
    parts.push(`${percent(unseenRate)} in levels never seen in training`);
  return parts.length === 0 ? '' : `, ${parts.join(', ')}`;
}

/** How an alarm is headed. */
export function headlineOf(deploymentName: string, texts: readonly string[], type: AlertMessageType): string {
  if (type === 'alerts.test') return `${deploymentName}: a test of alerts, nothing is wrong`;
  const [first = ''] = texts;
  const others = texts.length > 1 ? `, and ${texts.length - 1} more` : '';
  return `${deploymentName}: ${type === 'alerts.opened' ? '' : 'no longer: '}${first}${others}`;
}
