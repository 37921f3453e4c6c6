import { workerKilledSuite } from '../../fault/suites/worker-killed.ts';

workerKilledSuite('sqlite');
