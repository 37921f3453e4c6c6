import { createPublicKey } from 'node:crypto';
import { expect } from 'chai';
import type { DeploymentRecord } from '#contracts';
import { openArtifact } from '#scoring';
import { createLogger } from '#runtime';
import type { LoadedArtifact } from '../../../../prediction/server/artifacts/artifact-cache.ts';
import { createDeploymentTable, type DeploymentTable } from '../../../../prediction/server/deployments.ts';
import { constant, createSigner, makeGrant, makeModel, makeRecord, sha256 } from '../../../support/serving/models.ts';

const signer = createSigner();
const key = createPublicKey(signer.publicKey);
const first = makeModel(signer, 'mdl_1', constant(1));
const second = makeModel(signer, 'mdl_2', constant(2));
const loaded = ({ manifest, blob }: typeof first): LoadedArtifact => {
  const scorer = openArtifact(JSON.parse(Buffer.from(manifest).toString()), blob, sha256);
  return { scorer, manifest: scorer.manifest };
};
const logger = createLogger({ program: 'test', write: () => undefined });
const modelOf = (table: DeploymentTable, id = 'dep_1') => table.served(id)?.record.modelId ?? null;

/** A table that serves sequence 5 of `dep_1`. */
function servingTable(): { table: DeploymentTable; record: DeploymentRecord } {
  const table = createDeploymentTable(logger);
  const record = makeRecord(signer, first, { sequence: 5 });
  table.accept({ sequence: 1, deployments: [record], apiKeys: [] }, key);
  expect(table.serve(record, loaded(first))).to.be.true;
  return { table, record };
}

describe('prediction server: deployment table', () => {
  it('knows nothing before the first feed', () => {
    const table = createDeploymentTable(logger);
    expect([table.sequence(), table.list(), table.assigned('dep_1'), table.served('dep_1')]).to.deep.equal([
      -1,
      [],
      null,
      null,
    ]);
  });

  it('wants what is assigned until it is served', () => {
    const table = createDeploymentTable(logger);
    const record = makeRecord(signer, first);
    table.accept({ sequence: 3, deployments: [record], apiKeys: [makeGrant()] }, key);
    expect(table.wanted()).to.deep.equal([record]);
    expect(table.list()[0]).to.include({ ready: false, answers: false, error: null });
    table.refuse(record, new Error('no'));
    expect(table.list()[0]).to.include({ error: 'no' });
    table.serve(record, loaded(first));
    expect(table.wanted()).to.deep.equal([]);
    expect(table.list()[0]).to.include({ ready: true, answers: true, error: null });
    expect([table.sequence(), table.grants().size]).to.deep.equal([3, 1]);
  });

  it('serves the old model until the new one is there, then swaps at once', () => {
    const { table } = servingTable();
    const next = makeRecord(signer, second, { sequence: 6 });
    table.accept({ sequence: 2, deployments: [next], apiKeys: [] }, key);
    expect(modelOf(table)).to.equal('mdl_1');
    expect(table.list()[0]).to.include({ ready: false, answers: true });
    table.serve(next, loaded(second));
    expect(modelOf(table)).to.equal('mdl_2');
  });

  it('does not swap to a record that is not the assigned one any more', () => {
    const { table } = servingTable();
    const next = makeRecord(signer, second, { sequence: 6 });
    table.accept({ sequence: 2, deployments: [next], apiKeys: [] }, key);
    const back = makeRecord(signer, first, { sequence: 7 });
    table.accept({ sequence: 3, deployments: [back], apiKeys: [] }, key);
    expect([table.isAssigned(next), table.serve(next, loaded(second)), modelOf(table)]).to.deep.equal([
      false,
      false,
      'mdl_1',
    ]);
    expect(table.list()[0]).to.include({ ready: true });
  });

  it('refuses older and unsigned records and keeps what it has', () => {
    for (const bad of [
      makeRecord(signer, second, { sequence: 4 }),
      makeRecord(createSigner(), second, { sequence: 6 }),
      { ...makeRecord(signer, second, { sequence: 6 }), sequence: 7 },
    ]) {
      const { table, record } = servingTable();
      table.accept({ sequence: 2, deployments: [bad], apiKeys: [] }, key);
      expect([modelOf(table), table.assigned('dep_1'), table.wanted()]).to.deep.equal(['mdl_1', record, []]);
      expect(table.list()[0]?.error).to.match(/wrong signature|older/);
      table.accept({ sequence: 3, deployments: [record], apiKeys: [] }, key);
      expect(table.list()[0]).to.include({ ready: true, error: null });
    }
  });

  it('tells of an unsigned record of an unknown deployment, and never serves it', () => {
    const { table, record } = servingTable();
    const stranger = makeRecord(createSigner(), second, { deploymentId: 'dep_2' });
    table.accept({ sequence: 2, deployments: [record, stranger], apiKeys: [] }, key);
    expect([table.assigned('dep_2'), table.wanted()]).to.deep.equal([null, []]);
    expect(table.list()[1]).to.include({ ready: false, answers: false });
    table.accept({ sequence: 3, deployments: [record], apiKeys: [] }, key);
    expect(table.list()).to.have.length(1);
  });

  it('takes new readers and settings without a new artefact', () => {
    const { table } = servingTable();
    const artifact = table.served('dep_1')?.artifact;
    const changed = makeRecord(signer, first, { sequence: 6, settings: { missingColumns: 'refuse' } });
    table.accept({ sequence: 2, deployments: [changed], apiKeys: [] }, key);
    expect(table.wanted()).to.deep.equal([]);
    expect(table.served('dep_1')?.record).to.equal(changed);
    expect(table.served('dep_1')?.artifact).to.equal(artifact);
  });

  it('drops what is not assigned any more', () => {
    const { table } = servingTable();
    table.accept({ sequence: 2, deployments: [], apiKeys: [] }, key);
    expect([table.served('dep_1'), table.list(), table.kept().deployments]).to.deep.equal([null, [], []]);
  });

  it('refuses records from before a deployment was taken away, also after a restart, and takes it back as it was last', () => {
    const { table, record } = servingTable();
    table.accept({ sequence: 2, deployments: [], apiKeys: [] }, key);
    const again = createDeploymentTable(logger);
    again.restore(table.kept(), key, () => null);
    for (const known of [table, again]) {
      const older = makeRecord(signer, second, { sequence: 4 });
      known.accept({ sequence: 3, deployments: [older], apiKeys: [] }, key);
      expect([known.assigned('dep_1'), known.wanted()]).to.deep.equal([null, []]);
      expect(known.list()[0]?.error).to.include('sequence 4 is older than the known 5');
      // As where the app server was restored from a backup of before.
      known.accept({ sequence: 4, deployments: [record], apiKeys: [] }, key);
      expect([known.assigned('dep_1'), known.kept().retired]).to.deep.equal([record, []]);
    }
  });

  it('restores what it served, with its memory of sequences', () => {
    const { table } = servingTable();
    const next = makeRecord(signer, second, { sequence: 6 });
    table.accept({ sequence: 2, deployments: [next], apiKeys: [makeGrant()] }, key);
    const kept = table.kept();
    const again = createDeploymentTable(logger);
    again.restore(kept, key, (record) => (record.modelId === 'mdl_1' ? loaded(first) : null));
    expect([modelOf(again), again.sequence(), again.wanted()]).to.deep.equal(['mdl_1', 2, [next]]);
    expect(again.kept()).to.deep.equal(kept);
    again.accept({ sequence: 3, deployments: [makeRecord(signer, first, { sequence: 5 })], apiKeys: [] }, key);
    expect(again.list()[0]?.error).to.include('older');
  });

  it('restores nothing that is not signed by the pinned key, and wants what it cannot load', () => {
    const { table, record } = servingTable();
    const kept = table.kept();
    const other = createDeploymentTable(logger);
    other.restore(kept, createPublicKey(createSigner().publicKey), () => loaded(first));
    expect([modelOf(other), other.assigned('dep_1')]).to.deep.equal([null, null]);
    const empty = createDeploymentTable(logger);
    empty.restore(kept, key, () => null);
    expect([modelOf(empty), empty.wanted()]).to.deep.equal([null, [record]]);
  });
});
