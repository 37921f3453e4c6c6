import type { OpenFront } from '../front.ts';
import { announce, closeFleet, createFleet, listOfAll, startProcess } from './fleet.ts';

/** How much longer than running requests have a process is given to end, milliseconds. */
const END_MARGIN_MS = 1_000;

/**
 * Processes of this program answer on one port: all accept from one listening socket, so that nothing is lost when one of them ends. This process, the keeper, follows
 * the feed, fetches and verifies artefacts, and answers nothing itself. One that ends is started again, after a pause that
 * grows while they fail.
 *
 * @throws CONFIG_INVALID when the first ones cannot start
 */
export const openProcesses: OpenFront = async (config, options) => {
  const fleet = createFleet(options);
  const close = (): Promise<void> =>
    closeFleet(fleet, config.predictionServer.drainMs + config.server.closeTimeoutMs + END_MARGIN_MS);
  for (let count = 0; count < config.predictionServer.processes; count += 1) startProcess(fleet);
  try {
    const url = await fleet.firstUrl.promise;
    return { url, close, announce: () => announce(fleet), list: () => listOfAll(fleet) };
  } catch (err) {
    await close();
    throw err;
  }
};
