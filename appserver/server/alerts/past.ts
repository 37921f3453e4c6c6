import { alertsSince, readLooks, type AlertLook, type Database } from '#store';
import { PAST_MS, type Past } from './settings.ts';

/**
 * What the rule of a look rests on: looks of the same family before it, of the same model (how requests are served is not the model's alone), and
 * the alarms of that time.
 */
export async function readPast(
  database: Database,
  deploymentId: string,
  { family, endedAt, modelId }: Omit<AlertLook, 'findings'>,
): Promise<Past> {
  const from = endedAt - PAST_MS;
  const looks = await readLooks(database, deploymentId, family, { from, to: endedAt });
  return {
    looks: looks.filter((look) => family === 'service' || look.modelId === modelId),
    alerts: await alertsSince(database, deploymentId, from),
  };
}
