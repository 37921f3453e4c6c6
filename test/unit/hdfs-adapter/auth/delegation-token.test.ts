import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  findHdfsToken,
  parseToken,
  parseTokenFile,
  parseTokenIdentifier,
  POOL_SECRET_ALIAS,
  readContainerTokens,
  tokenToUrlString,
  withService,
} from '#hadoop-auth';
import { appErrorOf } from '../../../support/expect-error.ts';

interface Golden {
  readonly urlString: string;
  readonly writable: string;
  readonly protobuf: string;
}
// Written by Hadoop itself: test/fixtures/hadoop-tokens/Generate.java.
const golden = JSON.parse(
  readFileSync(new URL('../../../fixtures/hadoop-tokens/tokens.json', import.meta.url), 'utf8'),
) as Golden;

describe('delegation tokens', () => {
  it('are read from Hadoop’s URL text and written back byte for byte', () => {
    const token = parseToken(golden.urlString);
    expect([token.kind, token.service]).to.deep.equal(['HDFS_DELEGATION_TOKEN', 'ha-hdfs:prod']);
    expect(Buffer.from(token.password).toString()).to.equal('not a real password!');
    expect(tokenToUrlString(token)).to.equal(golden.urlString);
  });

  it('say who they speak for and until when', () => {
    expect(parseTokenIdentifier(parseToken(golden.urlString))).to.deep.equal({
      owner: 'alice',
      renewer: 'yarn',
      realUser: 'trainyard',
      issuedAt: new Date(1_764_000_000_000),
      expiresAt: new Date(1_764_604_800_000),
      sequenceNumber: 300,
      masterKeyId: 7,
    });
  });

  it('are rewritten for another service without losing their proof', () => {
    const token = parseToken(golden.urlString);
    const other = parseToken(tokenToUrlString(withService(token, '127.0.0.1:8020', 'SWEBHDFS delegation')));
    expect([other.kind, other.service]).to.deep.equal(['SWEBHDFS delegation', '127.0.0.1:8020']);
    expect(other.identifier).to.deep.equal(token.identifier);
    expect(withService(token, 'x').kind).to.equal('HDFS_DELEGATION_TOKEN');
  });

  for (const [version, text] of [
    [0, golden.writable],
    [1, golden.protobuf],
  ] as const) {
    it(`are read from a token file of version ${version}, with its secrets`, () => {
      const bytes = Buffer.from(text, 'base64');
      expect(bytes[4]).to.equal(version);
      const file = parseTokenFile(bytes, 'golden');
      expect([...file.tokens.keys()].sort()).to.deep.equal(['', 'ha-hdfs:prod']);
      expect(file.tokens.get('')?.identifier).to.have.length(200);
      const found = findHdfsToken(file);
      expect(found === null ? '' : tokenToUrlString(found)).to.equal(golden.urlString);
      expect(Buffer.from(file.secrets.get(POOL_SECRET_ALIAS) ?? []).toString()).to.equal('pool secret ü');
    });

    it(`a file of version ${version} that is cut anywhere is an error and never a short list`, () => {
      const bytes = Buffer.from(text, 'base64');
      for (let length = 0; length < bytes.length; length += 1)
        expect(() => parseTokenFile(bytes.subarray(0, length), 'cut'), String(length)).to.throw(/Token file/);
    });
  }

  it('names a file that is none, and never its content', async () => {
    const secret = Buffer.from('HDTX canary-secret');
    const err = await appErrorOf('HADOOP_TOKEN_FILE_INVALID', () => parseTokenFile(secret, '/c/container_tokens'));
    expect(err.message).to.contain('/c/container_tokens').and.not.contain('canary');
    await appErrorOf('HADOOP_TOKEN_FILE_INVALID', () => parseTokenFile(Buffer.from('HDTS\x02aaaa'), 'x'));
    await appErrorOf('HADOOP_TOKEN_FILE_INVALID', () => parseToken('not base64 url!'));
    await appErrorOf('HADOOP_TOKEN_FILE_INVALID', () => parseToken('AAAA'));
    await appErrorOf('HADOOP_TOKEN_FILE_INVALID', () => parseToken(`${golden.urlString}AAAA`));
  });

  it('of a container are in the file that HADOOP_TOKEN_FILE_LOCATION names', async () => {
    expect(readContainerTokens({})).to.be.null;
    const err = await appErrorOf('HADOOP_TOKEN_FILE_INVALID', () =>
      readContainerTokens({ HADOOP_TOKEN_FILE_LOCATION: '/nowhere/container_tokens' }),
    );
    expect(err.message).to.contain('/nowhere/container_tokens');
  });
});
