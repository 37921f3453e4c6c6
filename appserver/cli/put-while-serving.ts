import { isAppError } from '#contracts';
import type { ApiClient, JsonObject, Tagged } from './api-client.ts';

type Api = Pick<ApiClient, 'put' | 'getTagged'>;

/** How often a deployment is looked at again that changes while it is changed. */
const TRIES = 5;

/**
 * Puts a model behind a deployment that still serves what it served when it was looked at: somebody else's replacement meanwhile is not
 * undone unseen. What else changes of it, such as `ready` when a server has taken its model, is no reason to refuse.
 *
 * @throws STALE when another model is behind it now
 */
export async function putWhileServing(api: Api, route: string, seen: Tagged, json: JsonObject): Promise<JsonObject> {
  for (let current = seen, left = TRIES; ; left -= 1) {
    try {
      return await api.put(`${route}/model`, json, { 'if-match': current.etag });
    } catch (err) {
      if (left <= 1 || !isAppError(err, 'STALE')) throw err;
      current = await api.getTagged(route);
      if (current.json['modelId'] !== seen.json['modelId']) throw err;
    }
  }
}
