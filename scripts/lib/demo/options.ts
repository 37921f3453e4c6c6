import { parseArgs } from 'node:util';

/** What `scripts/demo` is asked for. */
export interface DemoOptions {
  readonly once: boolean;
  readonly report: string | null;
  readonly dataDir: string | null;
  readonly port: number | null;
  readonly budgetSeconds: number;
}

export const DEMO_HELP = `scripts/demo [--once] [--report FILE] [--data-dir DIR] [--port P] [--budget SECONDS]

Starts the platform on this machine, adds a real data set, lets Autopilot find a model within the budget, deploys it,
asks it for predictions over HTTP and in batch, and then serves a start page until Ctrl-C.

  --once          end after the job
  --report FILE   write what happened as JSON
  --data-dir DIR  keep everything in this folder (default: a temporary one, removed at the end)
  --port P        port of the app server, P + 1 of the prediction server (default: free ones)
  --budget S      seconds for Autopilot (default: 60)
`;

/** @throws TypeError for a flag it does not know or cannot read */
export function demoOptions(argv: readonly string[]): DemoOptions | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      once: { type: 'boolean', default: false },
      report: { type: 'string' },
      'data-dir': { type: 'string' },
      port: { type: 'string' },
      budget: { type: 'string', default: '60' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    once: values.once,
    report: values.report ?? null,
    dataDir: values['data-dir'] ?? null,
    port: values.port === undefined ? null : wholeNumber('--port', values.port, 65_534),
    budgetSeconds: wholeNumber('--budget', values.budget, 3_600),
  };
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw new TypeError(`${name} must be a whole number from 1 to ${max}; found ${JSON.stringify(text)}`);
  return value;
}
