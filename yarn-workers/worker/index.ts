export { startWorker, type Worker, type WorkerOptions } from './supervisor/worker.ts';
