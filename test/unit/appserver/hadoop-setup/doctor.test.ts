import { expect } from 'chai';
import {
  judgeAdministration,
  judgeApplicationRights,
  judgeClocks,
  judgeEncryption,
  judgeFreeSpace,
  judgeMemoryLimits,
  judgeNodeFacts,
  judgeQuota,
  judgeSubmit,
  judgeVersion,
  judgeVirtualMemory,
  mayUser,
  readNodeFacts,
  readQueueRights,
  type NodeMemorySettings,
} from '#hadoop-setup';

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
    const small = judgeVirtualMemory(inForce, 2048);
    expect(small.state).to.equal('problem');
    const enough = Number(/yarn\.containerMemoryMb to (\d+)/.exec(small.remedy)?.[1]);
    expect(judgeVirtualMemory(inForce, enough).state).to.equal('ok');
  });

  it('of clocks: by the one that differs most', () => {
    expect(judgeClocks([]).state).to.equal('skipped');
    expect(judgeClocks([0, -1000]).state).to.equal('ok');
    expect(judgeClocks([1000, -45_000])).to.include({
      state: 'warning',
      found: 'the masters’ are up to 45 s behind this host’s',
    });
    expect(judgeClocks([300_000]).state).to.equal('problem');
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

    it('a right of the root is a right of all, and * is everybody', () => {
      const open = readQueueRights(scheduler(acl('*', '*'), acl(' ', ' ')), 'ml');
      expect(open).to.deep.equal({ path: 'root.ml', submit: ['*', ' '], administer: ['*', ' '] });
      expect(judgeSubmit(open, 'alice').state).to.equal('ok');
      expect(judgeAdministration(open).state).to.equal('warning');
      const closed = readQueueRights(scheduler(acl(' ', 'yarn'), acl('bob', 'yarn')), 'root.ml');
      expect(judgeSubmit(closed, 'alice')).to.include({ state: 'problem', found: 'alice may not submit to root.ml' });
      expect(judgeSubmit(closed, 'bob').state).to.equal('ok');
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
      expect(judgeSubmit(null, 'alice').state).to.equal('skipped');
      expect(judgeAdministration(null).state).to.equal('skipped');
      expect([true, false, null].map((enabled) => judgeApplicationRights(enabled).state)).to.deep.equal([
        'ok',
        'warning',
        'skipped',
      ]);
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
        return judgeNodeFacts(facts, '2.28', 'alice', isSecured, 'n1').map(({ state }) => state);
      };
      expect(states('2.28', 'java version "1.8.0_402"')).to.deep.equal(['ok', 'ok', 'warning']);
      expect(states('2.17', 'java version "1.7.0_80"')).to.deep.equal(['problem', 'problem', 'warning']);
      expect(states('2.36', '/bin/sh: /bin/java: not found', false)).to.deep.equal(['ok', 'problem', 'ok']);
    });
  });
});
