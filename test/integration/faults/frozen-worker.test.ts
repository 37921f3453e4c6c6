import { frozenWorkerSuite } from '../../fault/suites/frozen-worker.ts';

frozenWorkerSuite('sqlite', ['training']);
