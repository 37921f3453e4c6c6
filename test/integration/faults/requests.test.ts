import { expect } from 'chai';
import { queueRoutes } from '../../../appserver/server/queue/index.ts';
import { REQUESTS } from '../../fault/suites/request-table.ts';
import { changingRoutes, requestsSuite } from '../../fault/suites/requests.ts';
import { SERVER_STATEMENTS } from '../../fault/suites/server-killed.ts';

requestsSuite('sqlite', ['POST /api/v1/projects/{id}/autopilot']);

/** Said by members of groups alone, again and again until all have said it: no run of these suites has a group. */
const OF_GROUPS = ['meet'];

describe('faults: the table of requests', () => {
  it('has every route that changes something, and no other', () => {
    expect(Object.keys(REQUESTS)).to.have.members(changingRoutes());
  });

  it('of workers: the table of statements has every route of the protocol, and the reaper', () => {
    const named: Readonly<Record<string, string>> = { workers: 'register', claims: 'claim' };
    // No handler is called.
    const verbs = queueRoutes(undefined as never).map(({ path }) => path.split('/').at(-1) ?? '');
    expect([...SERVER_STATEMENTS, ...OF_GROUPS]).to.have.members([
      ...verbs.map((verb) => named[verb] ?? verb),
      'expire',
    ]);
  });
});
