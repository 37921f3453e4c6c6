import { REQUESTS, requestsSuite } from './suites/requests.ts';

requestsSuite('sqlite', Object.keys(REQUESTS));
requestsSuite('postgres', Object.keys(REQUESTS));
