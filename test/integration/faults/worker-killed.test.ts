import { workerKilledSuite } from '../../fault/suites/worker-killed.ts';

workerKilledSuite('sqlite', [
  'worker.claim.answered',
  'worker.commit.sent',
  'worker.iterate=kill@7',
  'worker.manifest',
]);
