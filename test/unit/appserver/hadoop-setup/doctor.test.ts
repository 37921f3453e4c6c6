import { expect } from 'chai';
import {
  acrossNodes,
  judgeAdministration,
  judgeApplicationRights,
  judgeClocks,
  judgeEncryption,
  judgeFreeSpace,
  judgeMemoryLimits,
  judgeNodeFacts,
  judgeNodes,
  judgeQuota,
  judgeSubmit,
  judgeVersion,
  judgeVirtualMemory,
  mayUser,
  readNodeFacts,
  readQueueRights,
  type NodeMemorySettings,
  type OnNode,
  type QueueRights,
  type SubmitRight,
} from '#hadoop-setup';
import type { NodeReport } from '#yarn';

const UNSET: NodeMemorySettings = {
  cgroups: null,
  enforced: null,
  physicalCheck: null,
  virtualCheck: null,
  virtualRatio: null,
};

describe('the doctor’s judgement', () => {
  it('of memory limits: by default nobody enforces any', () => {
    expect(judgeMemoryLimits(UNSET).state).to.equal('warning');
    expect(judgeMemoryLimits({ ...UNSET, cgroups: 'true' })).to.include({ state: 'ok', found: 'by cgroups' });
    expect(judgeMemoryLimits({ ...UNSET, enforced: 'false' }).state).to.equal('ok');
    expect(judgeMemoryLimits({ ...UNSET, enforced: 'false', physicalCheck: 'false' }).state).to.equal('warning');
  });

  it('of virtual memory: only where the check is in force', () => {
    const inForce = { ...UNSET, enforced: 'false' };
    expect(judgeVirtualMemory(UNSET, 512).found).to.equal('not checked');
    expect(judgeVirtualMemory({ ...inForce, virtualCheck: 'false' }, 512).found).to.equal('not checked');
    expect(judgeVirtualMemory(inForce, 4096).state).to.equal('ok');
    const small = judgeVirtualMemory(inForce, 1024);
    expect(small.state).to.equal('warning');
    expect(Number(/more than (\d+) MB/.exec(small.found)?.[1])).to.be.within(300, 900);
    expect(judgeVirtualMemory(inForce, 512).state).to.equal('problem');
    const enough = Number(/yarn\.containerMemoryMb to (\d+)/.exec(small.remedy)?.[1]);
    expect(judgeVirtualMemory(inForce, enough).state).to.equal('ok');
  });

  it('of clocks: by the one that differs most', () => {
    expect(judgeClocks([]).state).to.equal('skipped');
    const at = (...differencesMs: number[]) =>
      judgeClocks(differencesMs.map((differenceMs, index) => ({ whose: `n${index}`, differenceMs })));
    expect(at(0, -1000)).to.include({ state: 'ok', found: 'within a second of this host’s: n0, n1' });
    expect(at(1000, -45_000)).to.include({
      state: 'warning',
      found: '2 daemons, n1 most: 45 s behind this host’s',
    });
    expect(at(300_000)).to.include({ state: 'problem', found: 'n0: 300 s ahead of this host’s' });
    expect(at(300_000).remedy).to.include('of n0 by NTP');
    expect(judgeClocks([{ whose: 'n0', differenceMs: 0 }], true)).to.include({ state: 'problem' });
    expect(judgeClocks([{ whose: 'n0', differenceMs: 0 }], true).remedy).to.include('of the KDC');
  });

  it('of versions: 3.3 to 3.5 and what may come', () => {
    const states = ['2.10.2', '3.2.4', '3.3.6', '3.5.0', '4.0.0'].map(
      (version) => judgeVersion(version, version).state,
    );
    expect(states).to.deep.equal(['problem', 'problem', 'ok', 'ok', 'warning']);
  });

  it('of encryption, space and quotas', () => {
    expect(judgeEncryption(['https://a:1'], 'kerberos').state).to.equal('ok');
    expect(judgeEncryption(['https://a:1', 'http://b:2'], 'kerberos').found).to.equal(
      'plain HTTP: http://b:2: tokens can be stolen on the way',
    );
    expect([1, 10, 100].map((gib) => judgeFreeSpace(gib * 1024 ** 3).state)).to.deep.equal([
      'problem',
      'warning',
      'ok',
    ]);
    expect(judgeQuota('/a', null, null)).to.deep.equal({ state: 'ok', found: '', remedy: '' });
    expect(judgeQuota('/a', 5 * 1024 ** 3, 5_000)).to.include({
      state: 'ok',
      found: '/a: 5.0 GB and 5000 names left of its quota',
    });
    expect(judgeQuota('/a', 5 * 1024 ** 3, 10).state).to.equal('problem');
  });

  describe('of queues', () => {
    const acl = (submit: string, administer: string) => ({
      queueAcls: {
        queueAcl: [
          { accessType: 'ADMINISTER_QUEUE', accessControlList: administer },
          { accessType: 'SUBMIT_APP', accessControlList: submit },
        ],
      },
    });
    const scheduler = (root: object, leaf: object) => ({
      scheduler: {
        schedulerInfo: {
          type: 'capacityScheduler',
          queueName: 'root',
          queuePath: 'root',
          ...root,
          queues: { queue: [{ queueName: 'ml', queuePath: 'root.ml', ...leaf }] },
        },
      },
    });

    const submit = (rights: QueueRights | null, user: string, known: Partial<SubmitRight> = {}) =>
      judgeSubmit({ user, queue: 'ml', enabled: true, allowed: null, rights, ...known });

    it('the ResourceManager’s own word goes before lists, and lists count only where they are enforced', () => {
      const closed = readQueueRights(scheduler(acl(' ', 'yarn'), acl('bob', 'yarn')), 'ml');
      expect(submit(closed, 'alice', { enabled: false }).state).to.equal('ok');
      expect(submit(closed, 'alice', { enabled: null }).state).to.equal('problem');
      expect(submit(closed, 'alice', { allowed: true }).state).to.equal('ok');
      expect(submit(null, 'bob', { allowed: false })).to.include({
        state: 'problem',
        found: 'bob may not submit to ml',
      });
    });

    it('a right of the root is a right of all, and * is everybody', () => {
      const open = readQueueRights(scheduler(acl('*', '*'), acl(' ', ' ')), 'ml');
      expect(open).to.deep.equal({ path: 'root.ml', submit: ['*', ' '], administer: ['*', ' '] });
      expect(submit(open, 'alice').state).to.equal('ok');
      expect(judgeAdministration(open).state).to.equal('warning');
      const closed = readQueueRights(scheduler(acl(' ', 'yarn'), acl('bob', 'yarn')), 'root.ml');
      expect(submit(closed, 'alice')).to.include({ state: 'problem', found: 'alice may not submit to root.ml' });
      expect(submit(closed, 'bob').state).to.equal('ok');
      expect(judgeAdministration(closed).state).to.equal('ok');
    });

    it('groups of a user are not known here', () => {
      expect(mayUser('alice', ['bob analysts', ' '])).to.equal('by group');
      expect(mayUser('bob', ['bob analysts'])).to.equal('yes');
      expect(mayUser('alice', [' ', ''])).to.equal('no');
    });

    it('nothing is said of a scheduler that tells nothing', () => {
      expect(readQueueRights({ scheduler: { schedulerInfo: { type: 'fairScheduler' } } }, 'ml')).to.equal(null);
      expect(readQueueRights(scheduler({}, {}), 'ml')).to.equal(null);
      expect(readQueueRights(scheduler(acl('*', '*'), acl(' ', ' ')), 'nope')).to.equal(null);
      expect(submit(null, 'alice').state).to.equal('skipped');
      expect(judgeAdministration(null).state).to.equal('skipped');
      expect([true, false, null].map((enabled) => judgeApplicationRights(enabled).state)).to.deep.equal([
        'ok',
        'warning',
        'skipped',
      ]);
    });
  });

  describe('of several nodes', () => {
    const on = (node: string, finding: OnNode['finding']): OnNode => ({ node, finding });
    const good = { state: 'ok', found: 'fine', remedy: '' } as const;
    const bad = { state: 'problem', found: 'broken', remedy: 'mend it' } as const;

    it('is one sentence while all are alike, and says of how many', () => {
      expect(acrossNodes([on('n1', good), on('n2', good)], 40)).to.deep.equal({
        state: 'ok',
        found: 'fine; 2 of 40 nodes looked at',
        remedy: '',
      });
    });

    it('is the worst of them where they differ, with names', () => {
      const many = Array.from({ length: 7 }, (_, index) => on(`n${index}`, good));
      expect(acrossNodes([...many, on('x', bad)], 8)).to.deep.equal({
        state: 'problem',
        found: 'broken (x); fine (n0, n1, n2, n3, n4 and 2 more); 8 of 8 nodes looked at',
        remedy: 'mend it',
      });
    });

    it('of nodes: those of the label that is asked for, those taken out, those that are lost', () => {
      const node = (host: string, state: string, ...labels: string[]): NodeReport => ({
        ...{ node: `${host}:1`, host, httpAddress: `${host}:2`, rack: '/r', state, version: '3.4.1', healthReport: '' },
        ...{ labels, containerCount: 0, used: { memoryMb: 0, vcores: 0 }, free: { memoryMb: 1, vcores: 1 } },
      });
      expect(judgeNodes([], '').state).to.equal('problem');
      expect(judgeNodes([node('a', 'RUNNING')], '')).to.include({ state: 'ok', found: '1 running, Hadoop 3.4.1' });
      const mixed = [node('a', 'RUNNING', 'fast'), node('b', 'RUNNING'), node('c', 'DECOMMISSIONED')];
      expect(judgeNodes(mixed, 'fast').found).to.equal(
        '2 running, Hadoop 3.4.1, 1 with the label fast; taken out of service: c (DECOMMISSIONED)',
      );
      expect(judgeNodes(mixed, 'slow')).to.include({ state: 'problem' });
      expect(judgeNodes(mixed, 'slow').found).to.include('labels of the running ones: fast');
      expect(judgeNodes([...mixed, node('d', 'LOST')], '')).to.include({ state: 'warning' });
    });
  });

  describe('of a node', () => {
    const diagnostics = (glibc: string, java: string): string =>
      `AM Container exited with exitCode: 76\nLast 4096 bytes of stderr :\nTRAINYARD-PROBE\nglibc=glibc ${glibc}\nmachine=x86_64\naccount=nobody\njava=${java}\n`;

    it('is read from what the container wrote, or from its exit code', () => {
      expect(readNodeFacts(diagnostics('2.36', 'openjdk version "17.0.15"'))).to.deep.equal({
        glibc: '2.36',
        machine: 'x86_64',
        account: 'nobody',
        java: 'openjdk version "17.0.15"',
      });
      expect(readNodeFacts('exited with  exitCode: 57')).to.deep.include({ glibc: '2.17', account: null });
      expect(readNodeFacts('exited with  exitCode: 1')).to.equal(null);
      expect(readNodeFacts('killed by somebody')).to.equal(null);
    });

    it('by glibc, Java and the account of containers', () => {
      const states = (glibc: string, java: string, isSecured = true): string[] => {
        const facts = readNodeFacts(diagnostics(glibc, java));
        if (facts === null) throw new Error('nothing was read');
        const expected = { glibcFloor: '2.28', user: 'alice', isSecured, total: 1 };
        return judgeNodeFacts([{ node: 'n1', facts }], expected).map(({ state }) => state);
      };
      expect(states('2.28', 'java version "1.8.0_402"')).to.deep.equal(['ok', 'ok', 'warning']);
      expect(states('2.17', 'java version "1.7.0_80"')).to.deep.equal(['problem', 'problem', 'warning']);
      expect(states('2.36', '/bin/sh: /bin/java: not found', false)).to.deep.equal(['ok', 'problem', 'ok']);
    });
  });
});
