import { CHILD_STEPS, SUPERVISOR_STEPS, workerKilledSuite } from './suites/worker-killed.ts';

const STEPS = [...SUPERVISOR_STEPS, ...CHILD_STEPS];
workerKilledSuite('sqlite', STEPS);
workerKilledSuite('postgres', STEPS);
