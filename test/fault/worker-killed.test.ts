import { workerKilledSuite } from './suites/worker-killed.ts';

workerKilledSuite('postgres');
