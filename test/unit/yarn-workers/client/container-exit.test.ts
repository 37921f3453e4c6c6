import { expect } from 'chai';
import { judgeContainerEnd, type ContainerEnd } from '#yarn';

const PHYSICAL =
  "Container [pid=7,containerID=container_1_0001_01_000002] is running 107479040B beyond the 'PHYSICAL' memory limit. " +
  'Current usage: 2.1 GB of 2 GB physical memory used; 3.0 GB of 4.2 GB virtual memory used. Killing container.\nDump of the process-tree';
const VIRTUAL =
  "is running 1.4 GB beyond the 'VIRTUAL' memory limit. Current usage: 150 MB of 512 MB physical memory used; 2.4 GB of 1.0 GB virtual memory used.";

const judge = (exitStatus: number, more: Partial<ContainerEnd> = {}) =>
  judgeContainerEnd({ exitStatus, diagnostics: '', wasReleased: false, memoryMb: 2048, memorySeenMb: null, ...more });

/** Line by line: status, name, blame, charged, node, backs off, expected. */
const TABLE = [
  [0, 'SUCCESS', 'worker', false, 'none', false, false],
  [-100, 'ABORTED', 'unknown', false, 'suspect', false, false],
  [-101, 'DISKS_FAILED', 'unknown', false, 'exclude', false, false],
  [-102, 'PREEMPTED', 'unknown', false, 'none', true, false],
  [-103, 'KILLED_EXCEEDED_VMEM', 'memory', false, 'none', false, false],
  [-104, 'KILLED_EXCEEDED_PMEM', 'memory', false, 'none', false, false],
  [-105, 'KILLED_BY_APPMASTER', 'unknown', false, 'none', false, true],
  [-106, 'KILLED_BY_RESOURCEMANAGER', 'unknown', false, 'none', false, true],
  [-107, 'KILLED_AFTER_APP_COMPLETION', 'unknown', false, 'none', false, true],
  [-108, 'KILLED_BY_CONTAINER_SCHEDULER', 'unknown', false, 'none', true, false],
  [-109, 'KILLED_FOR_EXCESS_LOGS', 'worker', false, 'none', false, false],
  [-1000, 'INVALID', 'worker', false, 'suspect', false, false],
  [134, 'SIGABRT', 'task', true, 'suspect', false, false],
  [137, 'SIGKILL', 'unknown', false, 'suspect', false, false],
  [139, 'SIGSEGV', 'task', true, 'suspect', false, false],
  [143, 'SIGTERM', 'unknown', false, 'none', false, false],
  [1, 'EXIT_1', 'worker', false, 'suspect', false, false],
  [-4711, 'EXIT_-4711', 'worker', false, 'suspect', false, false],
] as const;

describe('the end of a container', () => {
  for (const [status, name, blame, isCharged, node, backsOff, isExpected] of TABLE) {
    it(`${status} is ${name}`, () => {
      const { sentence, ...rest } = judge(status);
      expect(rest).to.deep.equal({ name, blame, isCharged, node, backsOff, isExpected });
      expect(sentence).to.match(/^(its |the |killed|native |YARN )/);
      expect(sentence).to.not.include('null');
    });
  }

  for (const status of [-100, -105, 0, 137, 143, -104]) {
    it(`${status} of a released container is nobody's fault`, () => {
      expect(judge(status, { wasReleased: true, diagnostics: PHYSICAL })).to.deep.include({
        name: 'RELEASED',
        isExpected: true,
        blame: 'unknown',
        isCharged: false,
        node: 'none',
      });
    });
  }

  it('names the memory that was used, the limit, and what to ask for', () => {
    expect(judge(-104, { diagnostics: PHYSICAL }).sentence).to.equal(
      'killed at 2.1 GB of 2 GB: ask for 3 GB or use fewer columns',
    );
    expect(judge(-104, { memorySeenMb: 1900 }).sentence).to.equal(
      'killed at 1.9 GB of 2 GB: ask for 3 GB or use fewer columns',
    );
    expect(judge(-104).sentence).to.equal('killed beyond 2 GB of memory: ask for 3 GB or use fewer columns');
  });

  it('names the property behind the virtual-memory check', () => {
    const { sentence } = judge(-103, { diagnostics: VIRTUAL });
    expect(sentence).to.include('2.4 GB of 1.0 GB virtual').and.include('yarn.nodemanager.vmem-check-enabled');
  });

  it('takes a SIGKILL for lack of memory only when the memory seen says so', () => {
    expect(judge(137, { memorySeenMb: 1844 }).blame).to.equal('memory');
    expect(judge(137, { memorySeenMb: 1843 }).blame).to.equal('unknown');
    expect(judge(137, { diagnostics: 'Memory cgroup out of memory: oom-kill' }).blame).to.equal('memory');
  });

  it('reads the diagnostics of a SIGTERM before it blames anybody', () => {
    expect(judge(143, { diagnostics: PHYSICAL }).blame).to.equal('memory');
    expect(judge(143, { diagnostics: 'Container killed on request. Exit code is 143' }).blame).to.equal('unknown');
  });

  it('tells a lost node from a container that was given back', () => {
    expect(judge(-100, { diagnostics: 'Container released on a *lost* node' }).sentence).to.include('lost');
    expect(judge(-100, { diagnostics: 'Container released by application' }).sentence).to.include('gave its container');
  });

  it('repeats the last words about a container that never started', () => {
    const diagnostics =
      'Exception from launch\nResource hdfs://n/x changed on src filesystem\n\tat org.apache.Foo(Foo.java:1)\n';
    expect(judge(-1000, { diagnostics }).sentence).to.include('Resource hdfs://n/x changed on src filesystem');
  });
});
