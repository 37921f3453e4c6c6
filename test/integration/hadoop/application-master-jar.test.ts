import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { buildApplicationMaster, type ApplicationMasterFiles } from '../../../scripts/lib/java/application-master.ts';
import { REPOSITORY_ROOT } from '../../support/repository.ts';

const MODULE = 'yarn-workers/application-master';
const JAVA_8_CLASS_VERSION = 52;

describe('the application master’s jar', function () {
  this.timeout(300_000);

  let files: ApplicationMasterFiles;

  before(async () => {
    files = await buildApplicationMaster();
  });

  it('is below 100 kB, without a class of Hadoop’s', () => {
    expect(statSync(files.jar).size).to.be.within(10_000, 100_000);
    // Names in an archive are not compressed.
    const names = readFileSync(files.jar).toString('latin1');
    expect(names).to.include('io/trainyard/master/ApplicationMaster.class');
    expect(names).to.not.include('org/apache/hadoop');
  });

  it('runs on Java 8', () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-jar-'));
    try {
      cpSync(files.jar, path.join(folder, 'a.jar'));
      execFileSync('jar', ['xf', 'a.jar'], { cwd: folder });
      for (const name of globSync('**/*.class', { cwd: folder })) {
        expect(readFileSync(path.join(folder, name)).readUInt16BE(6), name).to.equal(JAVA_8_CLASS_VERSION);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('has the jars beside it that its class path needs', () => {
    const names = files.clientJars.map((file) => path.basename(file).replace(/-[\d.]+\.jar$/, ''));
    expect(names).to.deep.equal(['commons-logging', 'hadoop-client-api', 'hadoop-client-runtime', 'slf4j-api']);
  });

  it('is made of at most 1,500 lines', () => {
    const sources = globSync(`${MODULE}/src/main/**/*.java`, { cwd: REPOSITORY_ROOT });
    const lines = sources.map((file) => readFileSync(path.join(REPOSITORY_ROOT, file), 'utf8').split('\n').length - 1);
    expect(lines.reduce((sum, count) => sum + count, 0)).to.be.within(1, 1500);
  });
});
