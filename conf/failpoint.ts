import { AppError } from '#contracts';

/** What a failpoint does when it is armed. */
type FailpointAction = { kind: 'kill' } | { kind: 'error' } | { kind: 'pause'; ms: number };

/** A point's action and after how many passes it acts (`name=kill@3`: at the third pass). */
interface Armed {
  readonly action: FailpointAction;
  passesLeft: number;
}

let armed: Map<string, Armed> | null = null;
let intercept: ((name: string) => Promise<void>) | null = null;

/**
 * Reads `TRAINYARD_FAILPOINTS`: `name=kill,name=error,name=pause:2000,name=kill@3`.
 *
 * @throws CONFIG_INVALID naming the entry that cannot be read
 */
export function parseFailpoints(text: string): Map<string, Armed> {
  const points = new Map<string, Armed>();
  for (const entry of text.split(',').filter((part) => part !== '')) {
    const match = /^([A-Za-z0-9.-]+)=(kill|error|pause:(\d+))(?:@(\d+))?$/.exec(entry);
    if (match === null)
      throw new AppError('CONFIG_INVALID', `TRAINYARD_FAILPOINTS: ${entry} is not name=kill|error|pause:MS[@N]`);
    const [, name = '', what = '', ms = '0', pass = '1'] = match;
    const action: FailpointAction =
      what === 'kill' ? { kind: 'kill' } : what === 'error' ? { kind: 'error' } : { kind: 'pause', ms: Number(ms) };
    points.set(name, { action, passesLeft: Number(pass) });
  }
  return points;
}

/**
 * A named place where tests make a shipped program fail. Costs one map look-up, nothing is armed unless
 * TRAINYARD_FAILPOINTS names it. `kill` ends this process by SIGKILL, `error` throws INTERNAL, `pause` waits.
 */
export async function failpoint(name: string): Promise<void> {
  if (intercept !== null) return intercept(name);
  armed ??= parseFailpoints(process.env['TRAINYARD_FAILPOINTS'] ?? '');
  const point = armed.get(name);
  if (point === undefined) return;
  point.passesLeft -= 1;
  if (point.passesLeft !== 0) return;
  switch (point.action.kind) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      // SIGKILL is asynchronous: never go past the point.
      await new Promise(() => undefined);
      return;
    case 'error':
      throw new AppError('INTERNAL', `failpoint ${name}`);
    case 'pause': {
      const { ms } = point.action;
      await new Promise((resolve) => setTimeout(resolve, ms));
      return;
    }
  }
}

/** Arms failpoints from a text instead of the environment; for tests in one process. */
export function armFailpoints(text: string): void {
  armed = parseFailpoints(text);
}

/**
 * Calls `handler` at every failpoint of this process instead of what is armed; a simulator of many processes in one
 * knows which of them it is in. Returns what takes that back.
 */
export function interceptFailpoints(handler: (name: string) => Promise<void>): () => void {
  intercept = handler;
  return () => {
    intercept = null;
  };
}
