import { requestsSuite } from '../../fault/suites/requests.ts';

requestsSuite('sqlite', ['POST /projects/{id}/autopilot']);
