import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { isAppError } from '#contracts';
import { publicKeyOf, verifyDeployment, verifyModel } from '../../../../../prediction/server/feed/signatures.ts';
import { createSigner, makeRecord, sha256 } from '../../../../support/serving/models.ts';

const signer = createSigner();
const key = publicKeyOf(signer.publicKey, 'test');
const model = { modelId: 'mdl_1', manifestSha256: sha256('manifest') };
const isRefused = (run: () => unknown): boolean => {
  try {
    run();
    return false;
  } catch (err) {
    if (isAppError(err, 'ARTIFACT_SIGNATURE')) return true;
    throw err;
  }
};

describe('prediction server: signatures', () => {
  it('takes a record as it was signed, whatever the order of its fields', () => {
    const record = makeRecord(signer, model);
    expect(isRefused(() => verifyDeployment(key, record))).to.be.false;
    const reversed = Object.fromEntries(Object.entries(record).reverse()) as typeof record; // the same fields
    expect(isRefused(() => verifyDeployment(key, reversed))).to.be.false;
  });

  for (const [field, value] of Object.entries({
    deploymentId: 'dep_2',
    name: 'other',
    modelId: 'mdl_2',
    manifestSha256: sha256('other'),
    sequence: 2,
    readers: ['usr_1', 'usr_2'],
    settings: { missingColumns: 'refuse' },
    signature: 'AAAA',
  })) {
    it(`refuses a record whose ${field} was changed`, () => {
      const changed = { ...makeRecord(signer, model), [field]: value };
      expect(isRefused(() => verifyDeployment(key, changed))).to.be.true;
    });
  }

  it('refuses records and models that another key signed', () => {
    const other = createSigner();
    expect(isRefused(() => verifyDeployment(key, makeRecord(other, model)))).to.be.true;
    expect(isRefused(() => verifyModel(key, { ...model, signature: signer.sign(model) }))).to.be.false;
    expect(isRefused(() => verifyModel(key, { ...model, signature: other.sign(model) }))).to.be.true;
    expect(isRefused(() => verifyModel(key, { ...model, modelId: 'mdl_2', signature: signer.sign(model) }))).to.be.true;
  });

  it('takes Ed25519 public keys only', () => {
    const pem = (type: 'spki' | 'pkcs8', made: ReturnType<typeof generateKeyPairSync>) =>
      type === 'spki'
        ? made.publicKey.export({ type, format: 'pem' }).toString()
        : made.privateKey.export({ type, format: 'pem' }).toString();
    const ed25519 = generateKeyPairSync('ed25519');
    expect(isRefused(() => publicKeyOf(pem('spki', ed25519), 'test'))).to.be.false;
    expect(isRefused(() => publicKeyOf(pem('pkcs8', ed25519), 'test'))).to.be.true;
    expect(isRefused(() => publicKeyOf(pem('spki', generateKeyPairSync('ed448')), 'test'))).to.be.true;
    for (const text of ['', 'x', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'])
      expect(isRefused(() => publicKeyOf(text, 'test'))).to.be.true;
  });
});
