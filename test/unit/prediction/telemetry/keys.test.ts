import { hkdfSync } from 'node:crypto';
import { expect } from 'chai';
import { deploymentKey, deploymentKeys, secretOf, serverKey, telemetryKeys } from '#telemetry';

const NEW = 'the-key-that-signs-from-today';
const OLD = 'the-key-that-signed-until-now';

describe('telemetry: keys of one deployment', () => {
  it('are one for each deployment and key, and the same everywhere', () => {
    const [newer, older] = telemetryKeys(`${NEW}\n${OLD}\n`).all();
    if (newer === undefined || older === undefined) throw new Error('two keys');
    const made = [deploymentKey(newer, 'dep_1'), deploymentKey(newer, 'dep_2'), deploymentKey(older, 'dep_1')];
    expect(new Set(made).size).to.equal(3);
    expect(made[0])
      .to.equal(deploymentKey(newer, 'dep_1'))
      .and.match(/^[\w-]{43}$/);
    expect(made.join(' ')).to.not.include(NEW);
  });

  it('are the first block of HKDF-Expand of RFC 5869', () => {
    // Node expands what it has extracted, so the key is that of the extraction.
    const salt = Buffer.from('salt');
    const secret = Buffer.from(hkdfSync('sha256', 'input', salt, 'telemetry of dep_1', 32));
    const extracted = Buffer.from(EXTRACTED, 'hex');
    expect(deploymentKey({ keyId: '', secret: extracted }, 'dep_1')).to.equal(secret.toString('base64url'));
  });

  it('are found by their id, also those of keys that sign no more', () => {
    const keys = telemetryKeys(`${NEW}\n${OLD}\n`);
    const found = deploymentKeys(keys, ['dep_1', 'dep_2']);
    expect(found.size).to.equal(4);
    for (const root of keys.all()) {
      const { keyId } = telemetryKeys(deploymentKey(root, 'dep_2')).signing();
      expect(found.get(keyId)?.deploymentId).to.equal('dep_2');
      expect(keys.find(keyId), 'no key of the installation').to.be.null;
    }
  });

  it('are made for a server too, and found by its id', () => {
    const keys = telemetryKeys(`${NEW}\n${OLD}\n`);
    for (const root of keys.all()) {
      const made = telemetryKeys(serverKey(root, 'ps_1')).signing();
      expect(secretOf(keys, made.keyId, 'ps_1')).to.deep.equal(made.secret);
      expect(secretOf(keys, made.keyId, 'ps_2')).to.equal(null);
      expect(secretOf(keys, root.keyId, 'ps_2')).to.deep.equal(root.secret);
      expect(serverKey(root, 'x')).to.not.equal(deploymentKey(root, 'x'));
    }
  });
});

/** HMAC-SHA-256 of `input` with the key `salt`: HKDF-Extract. */
const EXTRACTED = '1968bc7c84a0eb0fcecf1c866d2ef8995fe28a1ab4fdd1357e1b78965e09b91d';
