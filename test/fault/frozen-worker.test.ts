import { frozenWorkerSuite, MOMENTS } from './suites/frozen-worker.ts';

frozenWorkerSuite('sqlite', Object.keys(MOMENTS));
frozenWorkerSuite('postgres', Object.keys(MOMENTS));
