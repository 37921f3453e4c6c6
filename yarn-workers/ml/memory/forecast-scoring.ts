import { forecastOf, type MemoryForecast } from './forecast.ts';
import { modelParts } from './forecast-insight.ts';
import * as limits from './limits.ts';

/** What a batch prediction is predicted to take: rows come and go in batches of as many cells, however many they are. @param artifactBytes of the model */
export const forecastScoring = (artifactBytes: number): MemoryForecast =>
  forecastOf([...modelParts(artifactBytes), { what: 'batches of rows', bytes: limits.BATCH_BYTES }], []);
