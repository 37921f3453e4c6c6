import { housekeepingKilledSuite } from '../../fault/suites/housekeeping-killed.ts';

housekeepingKilledSuite(['delete.afterDatabase', 'sweep.afterDelete@3']);
