import type { TaskSpec } from '#contracts';
import { forecastProfile, forecastTraining, type MemoryForecast } from '#ml';

const MIB = 1024 ** 2;

/** What a task's log says of its memory: the most that its process took, beside what was predicted where the task itself says that. */
export function memoryLine(spec: TaskSpec, takenBytes: number): string {
  const taken = `memory: ${Math.round(takenBytes / MIB)} MiB taken`;
  const forecast = forecastOfTask(spec);
  return forecast === null ? taken : `${taken}, ${Math.round(forecast.peakBytes / MIB)} MiB predicted`;
}

function forecastOfTask(spec: TaskSpec): MemoryForecast | null {
  switch (spec.kind) {
    case 'train':
      return forecastTraining(spec);
    case 'train-part':
      return forecastTraining(spec.train);
    case 'profile-part':
    case 'profile-merge':
      return forecastProfile(spec.table);
    default:
      return null;
  }
}
