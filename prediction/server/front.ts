import type { Config, Logger } from '#runtime';
import type { DeploymentState } from './deployments.ts';
import { listen } from './listener.ts';
import type { State } from './state.ts';

/** What answers the requests of a prediction server: one process, or several. */
export interface Front {
  /** Where it listens. */
  readonly url: string;
  /** What is in force has changed. */
  announce(): void;
  /** Deployments as all of it answers for them, for reports. */
  list(): readonly DeploymentState[];
  /** Takes no more connections, lets running requests finish within `server.closeTimeoutMs`, then ends them. */
  close(): Promise<void>;
}

/** What a front is given. */
export interface FrontOptions {
  readonly state: State;
  /** Asks the app server for news; resolves when they are in force here. */
  readonly refresh: () => Promise<void>;
  /** What `list` says has changed. */
  readonly report: () => void;
  readonly logger: Logger;
}

export type OpenFront = (config: Config, options: FrontOptions) => Promise<Front>;

/** This process answers: what is in force in the table is answered at once. */
export const openOwnFront: OpenFront = async (config, { state: { table, challengers }, refresh, logger }) => {
  const listener = await listen(config, { table, challengers, refresh, logger, allMetrics: (families) => families });
  return { url: listener.url, announce: () => undefined, list: () => table.list(), close: () => listener.close() };
};
