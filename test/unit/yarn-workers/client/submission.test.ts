import { expect } from 'chai';
import { lifetimeText, parseLifetime, submissionBody, type Submission } from '#yarn';
import { appErrorOf } from '../../../support/expect-error.ts';

const SUBMISSION: Submission = {
  applicationId: 'application_1_0001',
  name: 'pool',
  type: 'TRAINYARD',
  queue: 'ml',
  tags: ['trainyard-A'],
  attemptsMax: 4,
  attemptFailuresValidityMs: 3_600_000,
  master: { memoryMb: 512, vcores: 1 },
  command: 'java Main 1><LOG_DIR>/out',
  environment: { A: '1' },
  resources: [
    { name: 'a.jar', url: 'hdfs://n:1/a.jar', sizeBytes: 5, modifiedAtMs: 7, type: 'FILE', visibility: 'PUBLIC' },
  ],
  tokens: { 'n:1': 'abc' },
  secrets: { 'trainyard.pool': Buffer.from('s3cret') },
  viewers: 'trainyard',
  modifiers: 'trainyard',
};

describe('a submission', () => {
  it('becomes what the ResourceManager reads', () => {
    expect(submissionBody({ ...SUBMISSION, nodeLabel: 'gpu', rolledLogPattern: '.*' })).to.deep.equal({
      'application-id': 'application_1_0001',
      'application-name': 'pool',
      'application-type': 'TRAINYARD',
      queue: 'ml',
      priority: 0,
      'application-tags': { tag: ['trainyard-a'] },
      'max-app-attempts': 4,
      'attempt-failures-validity-interval': 3_600_000,
      'keep-containers-across-application-attempts': true,
      'unmanaged-AM': false,
      resource: { memory: 512, vCores: 1 },
      'app-node-label-expression': 'gpu',
      'log-aggregation-context': { 'rolled-log-include-pattern': '.*' },
      'am-container-spec': {
        commands: { command: 'java Main 1><LOG_DIR>/out' },
        environment: { entry: [{ key: 'A', value: '1' }] },
        'local-resources': {
          entry: [
            {
              key: 'a.jar',
              value: { resource: 'hdfs://n:1/a.jar', type: 'FILE', visibility: 'PUBLIC', size: 5, timestamp: 7 },
            },
          ],
        },
        credentials: {
          tokens: { entry: [{ key: 'n:1', value: 'abc' }] },
          secrets: { entry: [{ key: 'trainyard.pool', value: 'czNjcmV0' }] },
        },
        'application-acls': {
          entry: [
            { key: 'VIEW_APP', value: 'trainyard' },
            { key: 'MODIFY_APP', value: 'trainyard' },
          ],
        },
      },
    });
  });

  for (const [what, change, word] of [
    ['a double quote in the command', { command: 'echo "x"' }, 'double quote'],
    ['a secret in the environment', { environment: { A: 'xs3cretx' } }, 'trainyard.pool'],
    ['eleven tags', { tags: Array.from({ length: 11 }, (_, index) => `t${index}`) }, '11'],
    ['a comma in a tag', { tags: ['a,b'] }, 'a,b'],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const error = await appErrorOf('YARN_REQUEST_REFUSED', () => submissionBody({ ...SUBMISSION, ...change }));
      expect(error.message).to.include(word);
    });
  }

  it('writes a lifetime as YARN wants it and reads it back', () => {
    const atMs = Date.UTC(2026, 0, 31, 10);
    expect(lifetimeText(atMs)).to.equal('2026-01-31T10:00:00.000+0000');
    expect(parseLifetime('2026-01-31T10:00:00.000+0000')).to.equal(atMs);
    expect(parseLifetime('2026-01-31T11:00:00.000+0100')).to.equal(atMs);
    expect(parseLifetime('UNLIMITED')).to.equal(null);
  });
});
