import { SERVER_POINTS, serverKilledSuite } from './suites/server-killed.ts';

serverKilledSuite('sqlite', SERVER_POINTS);
serverKilledSuite('postgres', SERVER_POINTS);
