import { ok, problem, skipped, warning, type Finding } from './check.ts';

const SKEW_WARNING_MS = 30_000;
/** What Kerberos allows by default. @see krb5.conf(5), clockskew */
const SKEW_MAX_MS = 300_000;

/** A daemon's clock less ours. */
export interface ClockReading {
  /** `namenode nn1`, `10.0.0.7`. */
  readonly whose: string;
  readonly differenceMs: number;
}

/**
 * @param readings by `Date` headers, so only good to a second
 * @param isSkewed a service has refused a ticket because of its time: where ours and theirs agree it is the KDC's that is
 *   wrong, by which libkrb5 goes
 */
export function judgeClocks(readings: readonly ClockReading[], isSkewed = false): Finding {
  const [first, ...rest] = readings;
  if (first === undefined) return skipped('no daemon told its time');
  const worst = rest.reduce((a, b) => (Math.abs(b.differenceMs) > Math.abs(a.differenceMs) ? b : a), first);
  const seconds = Math.round(Math.abs(worst.differenceMs) / 1000);
  const whose = readings.length === 1 ? worst.whose : `${readings.length} daemons, ${worst.whose} most`;
  if (isSkewed && Math.abs(worst.differenceMs) < SKEW_MAX_MS)
    return problem(
      `this host’s and that of ${whose} are ${seconds} s apart, but tickets are refused because of their time: the KDC’s differs`,
      'Set the clock of the KDC by NTP (chronyc tracking there): Kerberos allows 300 s (clockskew in krb5.conf).',
    );
  if (seconds <= 1) return ok(`within a second of this host’s: ${readings.map((one) => one.whose).join(', ')}`);
  const text = `${whose}: ${seconds} s ${worst.differenceMs > 0 ? 'ahead of' : 'behind'} this host’s`;
  const remedy = `Set the clocks of this host and of ${worst.whose} by NTP (chronyc tracking): Kerberos allows 300 s (clockskew in krb5.conf).`;
  if (Math.abs(worst.differenceMs) >= SKEW_MAX_MS) return problem(text, remedy);
  return Math.abs(worst.differenceMs) >= SKEW_WARNING_MS ? warning(text, remedy) : ok(text);
}
