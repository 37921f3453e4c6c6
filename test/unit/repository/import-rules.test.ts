import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import {
  findViolations,
  FREE_ROOTS,
  MODULE_ROOTS,
  MODULE_RULES,
  PACKAGE_HOMES,
  readPackageJson,
  readSource,
} from '../../support/import-rules.ts';
import { REPOSITORY_ROOT, repositoryFiles } from '../../support/repository.ts';

const { packages, imports } = readPackageJson(REPOSITORY_ROOT);

function sourcesUnder(roots: readonly string[]): string[] {
  return repositoryFiles().filter((file) => file.endsWith('.ts') && roots.some((root) => file.startsWith(`${root}/`)));
}

function violationsOf(files: readonly string[]): string[] {
  return files.flatMap((file) => {
    return findViolations(file, readFileSync(path.join(REPOSITORY_ROOT, file), 'utf8'), packages);
  });
}

function planted(file: string, text: string): string[] {
  return findViolations(file, text, packages);
}

describe('import rules', function () {
  // All modules are read.
  this.timeout(60_000);

  it('hold in every module', () => {
    const files = sourcesUnder(MODULE_ROOTS);
    expect(files.length, 'TypeScript files found').to.be.greaterThan(10);
    expect(violationsOf(files)).to.deep.equal([]);
  });

  it('hold in tests, scripts and examples: declared packages and known modules only', () => {
    expect(violationsOf(sourcesUnder(FREE_ROOTS))).to.deep.equal([]);
  });

  it('know every name of package.json, at the folder of the table', () => {
    for (const [name, target] of Object.entries(imports)) {
      expect(target, name).to.equal(`./${MODULE_RULES[name]?.folder ?? 'unknown'}/index.ts`);
    }
  });

  it('give a name in package.json to every module that has an index.ts', () => {
    const unnamed = Object.entries(MODULE_RULES)
      .filter(([, rule]) => existsSync(path.join(REPOSITORY_ROOT, rule.folder, 'index.ts')))
      .filter(([name]) => imports[name] === undefined);
    expect(unnamed).to.deep.equal([]);
  });

  it('allow no cycle and no unknown name', () => {
    const depthOf = (name: string, above: readonly string[]): number => {
      expect(above, `cycle through ${name}`).not.to.include(name);
      const rule = MODULE_RULES[name];
      if (rule === undefined) throw new Error(`the table names ${name}, which is no module`);
      return 1 + Math.max(0, ...rule.mayImport.map((next) => depthOf(next, [...above, name])));
    };
    for (const name of Object.keys(MODULE_RULES)) expect(depthOf(name, [])).to.be.greaterThan(0);
  });

  describe('find what is planted:', () => {
    const cases: readonly (readonly [title: string, file: string, text: string, finding: string])[] = [
      ['an edge outside the table', 'conf/a.ts', `import { x } from '#store';`, '#runtime may not import'],
      ['a type-only edge', 'prediction/scoring/a.ts', `import type { X } from '#ml';`, '#scoring may not import'],
      ['a re-export', 'appserver/cli/a.ts', `export { x } from '#appserver';`, '#cli may not import'],
      ['an import type', 'appserver/ui/a.ts', `let x: import('#scoring').Y;`, '#ui may not import'],
      ['a dynamic import', 'prediction/server/a.ts', `await import('#object-store');`, 'may not import'],
      ['a computed import', 'prediction/server/a.ts', 'await import(name);', 'unknown before it runs'],
      ['a require', 'appserver/store/a.ts', `const x = require('#ml');`, '#store may not import'],
      ['an import by path', 'conf/a.ts', `import { x } from '../appserver/contracts/index.ts';`, 'leaves conf'],
      ['a sibling module by path', 'hdfs-adapter/tables/read/a.ts', `import '../../object-store/a.ts';`, 'leaves'],
      ['the own module by name', 'conf/a.ts', `import { x } from '#runtime';`, 'its own module'],
      ['a deep name', 'appserver/cli/a.ts', `import { x } from '#contracts/errors';`, 'which is no module'],
      ['an undeclared package', 'conf/a.ts', `import _ from 'lodash';`, 'npm package lodash'],
      ['a development package', 'conf/a.ts', `import { expect } from 'chai';`, 'npm package chai'],
      [
        'a development package of types and more',
        'conf/a.ts',
        `import { expect, type X } from 'chai';`,
        'npm package chai',
      ],
      ['a builtin without node:', 'conf/a.ts', `import fs from 'fs';`, 'without "node:"'],
      ['a file outside every module', 'appserver/a.ts', '', 'belongs to no module'],
      ['a node module in a pure one', 'yarn-workers/ml/a.ts', `import fs from 'node:fs';`, 'is pure'],
      ['Date.now', 'prediction/statistics/a.ts', 'const now = Date.now;', 'pure module, line 1: Date.now'],
      ['new Date()', 'prediction/scoring/a.ts', 'const now = new Date();', 'new Date()'],
      ['Math.random', 'yarn-workers/ml/a.ts', '\nconst x = Math.random();', 'line 2: Math.random'],
      ['taken-apart Math', 'yarn-workers/ml/a.ts', 'const { random } = Math;', '{ random } = Math'],
      ['performance.now', 'yarn-workers/ml/a.ts', 'performance.now();', 'performance.now'],
      ['process', 'prediction/scoring/a.ts', 'process.env.HOME;', 'process.env'],
      ['an unknown module in a test', 'test/unit/a.ts', `import { x } from '#nowhere';`, 'which is no module'],
    ];
    for (const [title, file, text, finding] of cases) {
      it(title, () => {
        const [first, ...more] = planted(file, text);
        expect(first).to.include(`${file}: `).and.to.include(finding);
        expect(more.filter((problem) => !problem.includes('line'))).to.deep.equal([]);
      });
    }
    for (const [name, homes] of Object.entries(PACKAGE_HOMES)) {
      const places = homes.join(' and ');
      it(`${name} outside ${places}`, () => {
        const text = `import x from '${name}';`;
        expect(planted('appserver/server/a.ts', text)).to.deep.equal([
          `appserver/server/a.ts: imports ${name}, which only ${places} may import`,
        ]);
        for (const home of homes) expect(planted(`${home}/a.ts`, text)).to.deep.equal([]);
      });
    }
  });

  it('allow what is allowed', () => {
    const text = `
      import path from 'node:path';
      import { x } from '#contracts';
      import { y } from './b.ts';
      import { z } from '../c.ts';
      import type { Pool } from 'pg';
      export type { Static } from 'typebox';
      let schema: import('typebox').TSchema;`;
    expect(planted('appserver/store/deep/a.ts', text)).to.deep.equal([]);
    const pure = `
      export function at(process: { step: number }, seconds: number): Date {
        return new Date(seconds * 1000 + process.step);
      }
      const date = { now: 1 }; date.now; Math.floor(1.5); column.performance;`;
    expect(planted('yarn-workers/ml/a.ts', pure)).to.deep.equal([]);
  });

  it('read every form of import', () => {
    const text = `
      import a from 'a'; import * as b from 'b'; import 'c'; export * from 'd'; export { e } from 'e';
      import f = require('f'); type G = import('g').G; import('h'); require.resolve('i'); // import 'j'
      const text = "import 'k'";`;
    const { imports: found } = readSource('a.ts', text);
    expect(found.map(({ specifier }) => specifier)).to.deep.equal(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']);
  });
});
