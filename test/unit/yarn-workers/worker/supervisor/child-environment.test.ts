import { expect } from 'chai';
import { childEnvironment } from '../../../../../yarn-workers/worker/supervisor/child-environment.ts';

describe('worker: environment of the task child', () => {
  it('has what libraries need, and no secret of the worker', () => {
    const environment = {
      PATH: '/bin',
      TRAINYARD_ADMIN_API_KEY: 'canary',
      TRAINYARD_DATABASE_URL: 'canary',
      TRAINYARD_PARENT_WATCH: '1',
      NODE_OPTIONS: '--inspect',
      LD_LIBRARY_PATH: '/lib',
      MALLOC_ARENA_MAX: '1',
      NODE_COMPILE_CACHE: '/cache',
    };
    expect(childEnvironment(environment, { generation: 1, threadCount: 3 })).to.deep.equal({
      PATH: '/bin',
      LD_LIBRARY_PATH: '/lib',
      MALLOC_ARENA_MAX: '1',
      MALLOC_MMAP_THRESHOLD_: '1048576',
      MALLOC_TRIM_THRESHOLD_: '1048576',
      NODE_COMPILE_CACHE: '/cache',
      OMP_NUM_THREADS: '3',
    });
  });

  it('arms failpoints in the first child only', () => {
    const environment = { TRAINYARD_FAILPOINTS: 'worker.read=kill' };
    expect(childEnvironment(environment, { generation: 1, threadCount: 1 })).to.have.property('TRAINYARD_FAILPOINTS');
    expect(childEnvironment(environment, { generation: 2, threadCount: 1 })).to.not.have.property(
      'TRAINYARD_FAILPOINTS',
    );
  });
});
