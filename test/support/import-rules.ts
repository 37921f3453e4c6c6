import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import ts from 'typescript';

/** A folder that other modules import by its name in `package.json` `imports`. */
export interface ModuleRule {
  readonly folder: string;
  /** Names of the modules it may import. */
  readonly mayImport: readonly string[];
  /** Touches no file, socket, clock or randomness of its own: data, engine, seed and clock are passed in. */
  readonly pure?: true;
}

/** Who may import whom. Rows of modules that are not written yet hold from their first file on. */
export const MODULE_RULES: Readonly<Record<string, ModuleRule>> = {
  '#contracts': { folder: 'appserver/contracts', mayImport: [] },
  '#statistics': { folder: 'prediction/statistics', mayImport: ['#contracts'], pure: true },
  // Code of WebAssembly, for what predicts and what fits: docs/adr/0097.
  '#wasm': { folder: 'prediction/wasm', mayImport: [], pure: true },
  '#scoring': { folder: 'prediction/scoring', mayImport: ['#wasm', '#contracts', '#statistics'], pure: true },
  '#export': { folder: 'prediction/export', mayImport: ['#scoring', '#contracts'], pure: true },
  '#ml': { folder: 'yarn-workers/ml', mayImport: ['#scoring', '#wasm', '#statistics', '#contracts'], pure: true },
  '#runtime': { folder: 'conf', mayImport: ['#contracts'] },
  '#hadoop-auth': { folder: 'hdfs-adapter/auth', mayImport: ['#runtime', '#contracts'] },
  '#webhdfs': { folder: 'hdfs-adapter/webhdfs', mayImport: ['#hadoop-auth', '#runtime', '#contracts'] },
  '#object-store': {
    folder: 'hdfs-adapter/object-store',
    mayImport: ['#webhdfs', '#hadoop-auth', '#runtime', '#contracts'],
  },
  // Bytes of Parquet, without an engine: docs/adr/0096.
  '#parquet': { folder: 'hdfs-adapter/parquet', mayImport: ['#contracts'] },
  '#tables': {
    folder: 'hdfs-adapter/tables',
    mayImport: ['#parquet', '#object-store', '#webhdfs', '#hadoop-auth', '#runtime', '#contracts'],
  },
  '#yarn': { folder: 'yarn-workers/client', mayImport: ['#hadoop-auth', '#runtime', '#contracts'] },
  '#worker': {
    folder: 'yarn-workers/worker',
    mayImport: [
      ...['#ml', '#scoring', '#statistics', '#hadoop-auth', '#webhdfs', '#object-store', '#tables', '#jdbc'],
      ...['#runtime', '#contracts'],
    ],
  },
  '#store': { folder: 'appserver/store', mayImport: ['#runtime', '#contracts'] },
  '#appserver': {
    folder: 'appserver/server',
    mayImport: [
      ...['#store', '#ml', '#scoring', '#export', '#statistics', '#hadoop-auth', '#webhdfs', '#object-store', '#yarn'],
      ...['#jdbc', '#telemetry', '#ui', '#runtime', '#contracts'], // #ui: file names only, docs/adr/0005
    ],
  },
  '#hadoop-setup': {
    folder: 'appserver/hadoop-setup',
    mayImport: ['#yarn', '#webhdfs', '#object-store', '#hadoop-auth', '#runtime', '#contracts'],
  },
  '#cli': { folder: 'appserver/cli', mayImport: ['#runtime', '#contracts'] },
  '#ui': { folder: 'appserver/ui', mayImport: ['#contracts'] },
  '#prediction-server': {
    folder: 'prediction/server',
    mayImport: ['#telemetry', '#scoring', '#statistics', '#runtime', '#contracts'],
  },
  // Bytes of telemetry and the Kafka client, for those at both ends: docs/adr/0085.
  '#telemetry': { folder: 'prediction/telemetry', mayImport: ['#runtime', '#contracts'] },
  '#monitor': {
    folder: 'prediction/monitor',
    mayImport: ['#telemetry', '#store', '#statistics', '#parquet', '#object-store', '#runtime', '#contracts'],
  },
  '#jdbc': { folder: 'jdbc-bridge/client', mayImport: ['#runtime', '#contracts'] },
};

/** Risky packages live in few places each, so that they can be replaced there. */
export const PACKAGE_HOMES: Readonly<Record<string, readonly string[]>> = {
  '@duckdb/node-api': ['hdfs-adapter/tables'],
  '@duckdb/node-bindings': ['hdfs-adapter/tables'],
  // LightGBM there, GSSAPI here.
  koffi: ['yarn-workers/worker', 'hdfs-adapter/auth'],
  'better-sqlite3': ['appserver/store'],
  pg: ['appserver/store'],
  knex: ['appserver/store'],
  '@platformatic/kafka': ['prediction/telemetry'],
  nodemailer: ['appserver/server/alerts/channels'],
};

/** Top folders whose every `.ts` file belongs to a module. */
export const MODULE_ROOTS = ['appserver', 'conf', 'hdfs-adapter', 'jdbc-bridge', 'prediction', 'yarn-workers'] as const;
/** May import all of the above; nobody imports them. */
export const FREE_ROOTS = ['test', 'scripts', 'examples'] as const;

/** Globals through which a pure module would reach a clock, a socket, randomness or the process. */
const IMPURE_OBJECTS = ['process', 'performance', 'crypto', 'console'];
const IMPURE_FUNCTIONS = ['fetch', 'setTimeout', 'setInterval', 'setImmediate', 'Date', 'require'];
const IMPURE_MEMBERS = ['Date.now', 'Math.random', 'globalThis.process', 'globalThis.performance', 'globalThis.crypto'];

export interface Import {
  readonly specifier: string;
  /** Nothing of it is left when the program runs. */
  readonly isTypeOnly: boolean;
}

export interface SourceFacts {
  /** Every static, dynamic, type-only and re-exporting import and `require`, in order of appearance. */
  readonly imports: readonly Import[];
  /** Uses that a pure module must not contain, as `line: text`. */
  readonly impurities: readonly string[];
  /** The file has a default export. */
  readonly hasDefaultExport: boolean;
}

/** What a program may import from npm; the names of `package.json`. */
export interface DeclaredPackages {
  readonly shipped: ReadonlySet<string>;
  readonly development: ReadonlySet<string>;
}

/** Reads the syntax tree of one TypeScript file; types are not resolved. */
export function readSource(fileName: string, text: string): SourceFacts {
  const source = ts.createSourceFile(fileName, text, ts.ScriptTarget.Latest, true);
  const imports: Import[] = [];
  const impurities: string[] = [];
  const declared = declaredNames(source);
  let hasDefaultExport = false;
  const visit = (node: ts.Node): void => {
    const specifier = importedBy(node);
    if (specifier !== undefined) imports.push({ specifier, isTypeOnly: isTypeOnly(node) });
    if (isDefaultExport(node)) hasDefaultExport = true;
    if (isImpure(node, declared)) {
      const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
      impurities.push(`${line}: ${node.getText().slice(0, 60)}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { imports, impurities, hasDefaultExport };
}

function importedBy(node: ts.Node): string | undefined {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
    return literal(node.moduleSpecifier);
  }
  if (ts.isExternalModuleReference(node)) return literal(node.expression);
  if (ts.isImportTypeNode(node))
    return ts.isLiteralTypeNode(node.argument) ? literal(node.argument.literal) : undefined;
  if (!ts.isCallExpression(node)) return undefined;
  const isImport = node.expression.kind === ts.SyntaxKind.ImportKeyword;
  const isRequire = /^require(\.resolve)?$/.test(node.expression.getText());
  const [argument] = node.arguments;
  return (isImport || isRequire) && argument !== undefined ? literal(argument) : undefined;
}

/** `import type`, `export type` and the type `import('...')`; not `import { type A }`, which imports the module all the same. */
function isTypeOnly(node: ts.Node): boolean {
  if (ts.isImportDeclaration(node)) return node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
  return ts.isExportDeclaration(node) ? node.isTypeOnly : ts.isImportTypeNode(node);
}

/** A computed specifier cannot be checked; it is returned as its text, which no rule allows. */
function literal(node: ts.Node): string {
  return ts.isStringLiteralLike(node) ? node.text : `computed: ${node.getText()}`;
}

function isDefaultExport(node: ts.Node): boolean {
  if (ts.isExportAssignment(node)) return true;
  if (ts.isExportSpecifier(node)) return node.name.text === 'default';
  return (
    ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((m) => m.kind === ts.SyntaxKind.DefaultKeyword)
  );
}

/** Names that the file declares itself, which therefore do not mean the global of that name. */
function declaredNames(source: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    const name = (node as { name?: ts.Node }).name; // every declaration of the tree keeps its name there, if it has one
    const declares = ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node);
    const defines = ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) || ts.isImportSpecifier(node);
    if ((declares || defines || ts.isImportClause(node)) && name !== undefined && ts.isIdentifier(name)) {
      names.add(name.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

function isImpure(node: ts.Node, declared: ReadonlySet<string>): boolean {
  const isGlobal = (expression: ts.Expression, names: readonly string[]): boolean =>
    ts.isIdentifier(expression) && names.includes(expression.text) && !declared.has(expression.text);
  if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) {
    if (isGlobal(node.expression, IMPURE_OBJECTS)) return true;
    return ts.isPropertyAccessExpression(node) && IMPURE_MEMBERS.includes(node.getText());
  }
  if (ts.isCallExpression(node)) return isGlobal(node.expression, IMPURE_FUNCTIONS);
  if (ts.isNewExpression(node)) return isGlobal(node.expression, ['Date']) && (node.arguments ?? []).length === 0;
  if (!ts.isVariableDeclaration(node) || node.initializer === undefined) return false;
  // `const { random } = Math` and `const clock = Date.now` are read as the member above; this finds the former.
  return ts.isObjectBindingPattern(node.name) && isGlobal(node.initializer, [...IMPURE_OBJECTS, 'Math', 'Date']);
}

/** The module whose folder holds `file` (relative to the root), with its name. */
export function moduleOf(file: string): { name: string; rule: ModuleRule } | undefined {
  for (const [name, rule] of Object.entries(MODULE_RULES)) {
    if (file.startsWith(`${rule.folder}/`)) return { name, rule };
  }
  return undefined;
}

/**
 * Every broken rule of one file, as sentences that begin with the file's path. `file` is relative to the root and
 * uses `/`.
 */
export function findViolations(file: string, text: string, packages: DeclaredPackages): string[] {
  const facts = readSource(file, text);
  const owner = moduleOf(file);
  if (owner === undefined && !startsWithRoot(file, FREE_ROOTS)) {
    return [`${file}: belongs to no module of the table in test/support/import-rules.ts`];
  }
  const problems = facts.imports.map((found) => judgeImport(file, found, owner, packages));
  if (owner?.rule.pure === true) {
    problems.push(...facts.impurities.map((use) => `reaches outside in a pure module, line ${use}`));
  }
  return problems.filter((problem) => problem !== undefined).map((problem) => `${file}: ${problem}`);
}

type Owner = ReturnType<typeof moduleOf>;

function judgeImport(file: string, found: Import, owner: Owner, packages: DeclaredPackages): string | undefined {
  const { specifier } = found;
  if (specifier.startsWith('computed: ')) {
    return owner === undefined ? undefined : `imports something unknown before it runs (${specifier})`;
  }
  if (specifier.startsWith('.') || path.isAbsolute(specifier)) return judgeRelative(file, specifier, owner);
  if (specifier.startsWith('#')) return judgeOwn(specifier, owner);
  if (specifier.startsWith('node:')) {
    return owner?.rule.pure === true ? `is pure and imports ${specifier}` : undefined;
  }
  return judgePackage(found, file, owner, packages);
}

function judgeRelative(file: string, specifier: string, owner: Owner): string | undefined {
  if (owner === undefined) return undefined;
  const target = path.posix.join(path.posix.dirname(file), specifier);
  if (target.startsWith(`${owner.rule.folder}/`)) return undefined;
  // The version of the program stands there; `#runtime` tells it to everybody.
  if (owner.name === '#runtime' && target === 'package.json') return undefined;
  return `imports ${specifier}, which leaves ${owner.rule.folder}; use the other module's #name`;
}

function judgeOwn(specifier: string, owner: Owner): string | undefined {
  if (MODULE_RULES[specifier] === undefined) return `imports ${specifier}, which is no module`;
  if (owner === undefined || owner.rule.mayImport.includes(specifier)) return undefined;
  if (owner.name === specifier) return `imports its own module by ${specifier}; use a relative path`;
  return `imports ${specifier}, which ${owner.name} may not import`;
}

function judgePackage(
  { specifier, isTypeOnly }: Import,
  file: string,
  owner: Owner,
  packages: DeclaredPackages,
): string | undefined {
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  if (builtinModules.includes(name)) return `imports ${specifier} without "node:"`;
  const isDeclared =
    packages.shipped.has(name) || ((owner === undefined || isTypeOnly) && packages.development.has(name));
  if (!isDeclared) return `imports the npm package ${name}, which package.json does not declare for it`;
  const homes = PACKAGE_HOMES[name];
  if (owner === undefined || homes === undefined || startsWithRoot(file, homes)) return undefined;
  return `imports ${name}, which only ${homes.join(' and ')} may import`;
}

function startsWithRoot(file: string, roots: readonly string[]): boolean {
  return roots.some((root) => file.startsWith(`${root}/`));
}

/** The packages that `package.json` under `root` declares, and its `imports`. */
export function readPackageJson(root: string): {
  packages: DeclaredPackages;
  imports: Readonly<Record<string, string>>;
} {
  const json: unknown = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const names = (key: string): string[] => Object.keys(recordOf(json, key));
  return {
    packages: {
      shipped: new Set([...names('dependencies'), ...names('optionalDependencies')]),
      development: new Set([...names('devDependencies')]),
    },
    imports: recordOf(json, 'imports'),
  };
}

function recordOf(json: unknown, key: string): Record<string, string> {
  const value: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, key) : undefined;
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]));
}
