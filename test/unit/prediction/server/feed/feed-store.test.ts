import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { isAppError } from '#contracts';
import {
  openFeedStore,
  type FeedStore,
  type KeptAssignments,
} from '../../../../../prediction/server/feed/feed-store.ts';
import { createSigner, makeGrant, makeRecord, sha256 } from '../../../../support/serving/models.ts';

const signer = createSigner();
const record = makeRecord(signer, { modelId: 'mdl_1', manifestSha256: sha256('m') });
const KEPT: KeptAssignments = {
  sequence: 7,
  apiKeys: [makeGrant()],
  retired: [],
  deployments: [
    { assigned: record, served: record },
    { assigned: { ...record, deploymentId: 'dep_2' }, served: null },
  ],
};

describe('prediction server: what is kept on disk', () => {
  let dir: string;
  let damaged: string[];
  const open = (): FeedStore => openFeedStore(dir, (file) => damaged.push(path.basename(file)));

  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'trainyard-feed-'));
    damaged = [];
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('has nothing at first', () => {
    expect([open().read(), open().pinnedKey(), damaged]).to.deep.equal([null, null, []]);
  });

  it('reads back what was written, readable for its owner only, and leaves nothing else', () => {
    open().write(KEPT);
    open().pin(signer.publicKey);
    expect(open().read()).to.deep.equal(KEPT);
    expect(readdirSync(dir).sort()).to.deep.equal(['app-server.pub', 'assignments.json']);
    for (const name of readdirSync(dir)) expect(statSync(path.join(dir, name)).mode & 0o777).to.equal(0o600);
  });

  it('keeps sequences of deployments that are gone in a file of their own, which programs from before leave alone', () => {
    const retired = [{ deploymentId: 'dep_0', sequence: 9 }];
    open().write({ ...KEPT, retired });
    expect(open().read()).to.deep.equal({ ...KEPT, retired });
    expect(Object.keys(JSON.parse(readFileSync(path.join(dir, 'assignments.json'), 'utf8')) as object)).to.deep.equal([
      ...['sequence', 'apiKeys', 'deployments'],
    ]);
    open().write(KEPT);
    expect(open().read()).to.deep.equal(KEPT);
    writeFileSync(path.join(dir, 'retired.json'), '{');
    expect([open().read(), damaged]).to.deep.equal([KEPT, ['retired.json']]);
  });

  it('removes what an interrupted write left', () => {
    writeFileSync(path.join(dir, 'assignments.json.1.abcd.tmp'), '{');
    open();
    expect(readdirSync(dir)).to.deep.equal([]);
  });

  for (const text of ['', '{', 'null', '{"sequence":1}', '{"sequence":-1,"apiKeys":[],"deployments":[]}']) {
    it(`tells that ${JSON.stringify(text)} is damaged and goes on without it`, () => {
      writeFileSync(path.join(dir, 'assignments.json'), text);
      expect(open().read()).to.equal(null);
      expect(damaged).to.deep.equal(['assignments.json']);
    });
  }

  it('pins the first public key and refuses any other, however the text is laid out', () => {
    const store = open();
    const key = store.pin(signer.publicKey);
    expect(store.pin(`${signer.publicKey.replaceAll('\n', '\r\n')}\n`).equals(key)).to.be.true;
    expect(open().pinnedKey()?.equals(key)).to.be.true;
    try {
      open().pin(createSigner().publicKey);
      expect.fail('another key was taken');
    } catch (err) {
      expect(isAppError(err, 'ARTIFACT_SIGNATURE') && err.message).to.include('delete');
    }
    expect(readFileSync(path.join(dir, 'app-server.pub'), 'utf8')).to.equal(signer.publicKey);
  });

  it('never replaces a damaged pinned key by itself', () => {
    writeFileSync(path.join(dir, 'app-server.pub'), '');
    expect(() => open().pin(signer.publicKey)).to.throw('app-server.pub');
  });
});
