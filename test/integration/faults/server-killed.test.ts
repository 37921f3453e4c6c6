import { serverKilledSuite } from '../../fault/suites/server-killed.ts';

serverKilledSuite('sqlite', ['queue.claim.afterDatabase', 'queue.commit.inDatabase', 'queue.commit.afterDatabase']);
