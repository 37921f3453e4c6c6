import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { MODULE_RULES, readSource } from '../../support/import-rules.ts';
import { REPOSITORY_ROOT } from '../../support/repository.ts';

const MAX_README_LINES = 30;

const written = Object.entries(MODULE_RULES)
  .map(([name, rule]) => ({ name, folder: path.join(REPOSITORY_ROOT, rule.folder), rule }))
  .filter(({ folder }) => globSync('**/*.ts', { cwd: folder }).length > 0);

describe('every module', () => {
  it('is looked at', () => {
    expect(written.map(({ name }) => name)).to.include.members(['#contracts', '#runtime']);
  });

  for (const { name, folder, rule } of written) {
    it(`${name} has an index.ts with named exports only`, () => {
      const index = path.join(folder, 'index.ts');
      expect(existsSync(index), `${rule.folder}/index.ts exists`).to.equal(true);
      const text = readFileSync(index, 'utf8');
      const facts = readSource(index, text);
      expect(text, 'exports').to.match(/^export /m);
      expect(facts.hasDefaultExport, 'default export').to.equal(false);
    });

    it(`${name} has a README.md of at most ${MAX_README_LINES} lines`, () => {
      const readme = path.join(folder, 'README.md');
      expect(existsSync(readme), `${rule.folder}/README.md exists`).to.equal(true);
      const lines = readFileSync(readme, 'utf8').trimEnd().split('\n');
      expect(lines[0], 'first line').to.match(/^# \S/);
      expect(lines.length).to.be.at.most(MAX_README_LINES);
    });
  }
});
