import type { Association } from '#store';
import type { TelemetryEvent } from '#telemetry';

/** What an event says of a prediction whose outcome can be joined later; null of one without an id. */
export function associationOf({ schema, associationId, timeMs, ...event }: TelemetryEvent): Association | null {
  if (associationId === null) return null;
  const { value, classIndex, probabilities } = event;
  const { deploymentId, modelId } = schema;
  const isFinite = value !== null && Number.isFinite(value);
  const prediction = { value: isFinite ? value : null, classIndex, probabilities: [...probabilities] };
  return { deploymentId, modelId, associationId, timeMs, prediction };
}
