import { HOUSEKEEPING_POINTS, housekeepingKilledSuite } from './suites/housekeeping-killed.ts';

housekeepingKilledSuite(HOUSEKEEPING_POINTS);
