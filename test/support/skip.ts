import type { Context } from 'mocha';

/**
 * Skips the running test and puts the reason into its title, so that the reporter prints it. Never returns.
 */
export function skipBecause(context: Context, reason: string): never {
  if (context.test !== undefined) context.test.title += ` [${reason}]`;
  return context.skip();
}
