export { startMonitor, type RunningMonitor } from './start.ts';
