export { startPredictionServer, type RunningPredictionServer } from './start.ts';
