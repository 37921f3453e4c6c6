import { expect } from 'chai';
import { BINS_INDEX, binObjectOf, binsFolder, projectBins } from '#object-store';
import { appErrorOf } from '../../../support/expect-error.ts';

describe('object store: folders of tables in bins', () => {
  it('are one for each user of a project, whatever he is called', () => {
    const names = ['', 'alice', 'Alice', 'alice@EXAMPLE.ORG', '../bob', 'zoë', 'x'.repeat(500)];
    const folders = names.map((name) => binsFolder('project_1', name));
    expect(new Set(folders).size).to.equal(names.length);
    for (const folder of folders) {
      expect(folder.startsWith(`${projectBins('project_1')}/`)).to.equal(true);
      expect(folder).to.match(/^bins\/project_1\/[0-9a-f]{32}$/);
    }
    expect(binsFolder('project_1', 'alice')).to.equal(binsFolder('project_1', 'alice'));
  });

  it('are of projects with an id that is a segment of a path', async () => {
    for (const id of ['', '..', 'a/../b']) await appErrorOf('VALIDATION_FAILED', () => binsFolder(id, 'alice'));
  });

  it('hold objects of sets; what is called otherwise is of none', () => {
    const set = `${binsFolder('p', 'alice')}/${'0123456789abcdef'.repeat(4)}.bins_x1`;
    expect(binObjectOf(`${set}.${BINS_INDEX}`)).to.deep.equal({ set, part: BINS_INDEX });
    expect(binObjectOf(`${set}.training-000012`)).to.deep.equal({ set, part: 'training-000012' });
    for (const path of [set, `${binsFolder('p', 'alice')}/abc.bins_x1.index`, `models/p/1-x/${'a'.repeat(64)}.b.index`])
      expect(binObjectOf(path), path).to.equal(null);
  });
});
