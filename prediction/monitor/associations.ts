import type { Association, FeatureLevel } from '#store';
import type { TelemetryEvent } from '#telemetry';

/**
 * What an event says of a prediction whose outcome can be joined later; null of one without an id.
 *
 * @param levelsOf that it is counted by
 */
export function associationOf(
  event: TelemetryEvent,
  levelsOf: (event: TelemetryEvent) => readonly FeatureLevel[],
): Association | null {
  const { schema, associationId, timeMs, value, classIndex, probabilities } = event;
  if (associationId === null) return null;
  const { deploymentId, modelId } = schema;
  const isFinite = value !== null && Number.isFinite(value);
  const prediction = { value: isFinite ? value : null, classIndex, probabilities: [...probabilities] };
  return { deploymentId, modelId, associationId, timeMs, prediction, levels: levelsOf(event) };
}
