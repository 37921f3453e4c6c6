/** A signal that was out at one look, too far for chance alone. */
export interface Finding {
  /** Which signal; the same at every look. */
  readonly signal: string;
  /** How far it was out, as a multiple of the least that matters: above 1, but of signals without a p-value, which have it at each look. */
  readonly excess: number;
  /** Corrected for all signals of the look; null: of a signal that only its own past can tell about. */
  readonly pValue: number | null;
}

/** All findings of one time at which was looked. */
export type Look = readonly Finding[];

/** How often an alarm may be raised though nothing is wrong. */
export interface AlarmBudget {
  /** In a month, above 0. */
  readonly falseAlarms: number;
  /** Looks in a month, above 0. */
  readonly looks: number;
}

/** When a finding is an alarm. */
export interface AlarmRule {
  /** Largest p-value of one. */
  readonly alpha: number;
  /** By how much a signal must be above its own usual excess, at least 1. */
  readonly multiplier: number;
  /** Looks of the past that the rule rests on. */
  readonly lookCount: number;
  /** Whether there were enough of them to hold the budget by them alone. */
  readonly isCertain: boolean;
  /** Usual excess of signals that are often out; of others 1. */
  readonly usual: ReadonlyMap<string, number>;
  /** Findings of the past by signal. */
  readonly counts: ReadonlyMap<string, number>;
}

/** A difference that chance makes more often than this is none, however large the budget is. */
const ALPHA_MAX = 0.01;
/** A signal may be out as far as it was in this share of the looks, without being unusual. */
const USUAL_SHARE = 0.9;
/** Findings of the past without which nothing is said of signals that only their past can tell about. */
const FINDINGS_MIN = 24;

/**
 * Fits the rule to the past, so that an alarm is raised at no more than `falseAlarms` of `looks` while things go on as they did. Two bounds hold at
 * once: a p-value of at most falseAlarms / looks, against chance where the past is short; and an excess above the (k + 1)-th largest of the past's looks,
 * where k is the largest number with (k + 1) / (n + 1) <= falseAlarms / looks: of n + 1 looks that could have come in any order the newest is among
 * the k + 1 largest with that probability. A signal's excess counts as a multiple of what is usual for it, so that one restless signal does not make
 * the others deaf.
 *
 * @param past looks at times without trouble, in any order; findings that are taken for true alarms are left out
 * @param alarmCount looks of which findings were left out though nobody has said that they were true: they are part of the budget
 * @see G. Shafer, V. Vovk, A tutorial on conformal prediction, Journal of Machine Learning Research 9 (2008), section 2, on exchangeable scores
 */
export function fitAlarmRule(past: readonly Look[], { falseAlarms, looks }: AlarmBudget, alarmCount = 0): AlarmRule {
  const share = falseAlarms / looks;
  const alpha = Math.min(ALPHA_MAX, share);
  const bySignal = Map.groupBy(past.flat(), ({ signal }) => signal);
  const usual = usualExcess(bySignal, past.length);
  const heights = past.map((look) => heightOf(look, { alpha, usual })).sort((a, b) => b - a);
  const allowed = Math.floor(share * (past.length + 1)) - 1;
  return {
    ...{ alpha, usual, lookCount: past.length, isCertain: allowed >= 0 },
    multiplier: Math.max(1, heights[Math.max(0, allowed - alarmCount)] ?? 1),
    counts: new Map([...bySignal].map(([signal, findings]) => [signal, findings.length])),
  };
}

/** How far the most unusual signal of a look is out, as a multiple of what is usual for it. */
function heightOf(look: Look, rule: Pick<AlarmRule, 'alpha' | 'usual'>): number {
  let height = 0;
  for (const finding of look)
    if (isBeyondChance(finding, rule)) height = Math.max(height, finding.excess / usualOf(finding, rule));
  return height;
}

const isBeyondChance = ({ pValue }: Finding, { alpha }: Pick<AlarmRule, 'alpha'>): boolean =>
  pValue === null || pValue <= alpha;

const usualOf = ({ signal }: Pick<Finding, 'signal'>, { usual }: Pick<AlarmRule, 'usual'>): number =>
  usual.get(signal) ?? 1;

function usualExcess(bySignal: ReadonlyMap<string, readonly Finding[]>, lookCount: number): Map<string, number> {
  const place = Math.floor((1 - USUAL_SHARE) * lookCount);
  const usual = new Map<string, number>();
  for (const [signal, findings] of bySignal) {
    const reached = findings.map(({ excess }) => excess).sort((a, b) => b - a)[place];
    if (reached !== undefined && reached > 1) usual.set(signal, reached);
  }
  return usual;
}

/** Whether a finding of a new look is an alarm. */
export function isAlarm(finding: Finding, rule: AlarmRule): boolean {
  if (finding.pValue === null && (rule.counts.get(finding.signal) ?? 0) < FINDINGS_MIN) return false;
  return isBeyondChance(finding, rule) && finding.excess > excessThreshold(finding.signal, rule);
}

/** Above which a signal's excess is an alarm. */
export const excessThreshold = (signal: string, rule: Pick<AlarmRule, 'multiplier' | 'usual'>): number =>
  rule.multiplier * usualOf({ signal }, rule);
