import { requestsSuite } from './suites/requests.ts';
import { REQUESTS } from './suites/request-table.ts';

requestsSuite('sqlite', Object.keys(REQUESTS));
requestsSuite('postgres', Object.keys(REQUESTS));
