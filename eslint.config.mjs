import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const MAX_LINES_PER_FILE = 500;
const MAX_LINES_PER_FUNCTION = 70;

/** Modules are plain data and functions with named exports; what the type checker already finds is not repeated here. */
export default defineConfig(
  {
    ignores: [
      'node_modules/',
      'dist/',
      'coverage/',
      'target/',
      '.trainyard/',
      'docs/',
      'test/fixtures/',
      '**/ui/assets/',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Types
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNullish: false, allowAny: false },
      ],
      // Fights noUncheckedIndexedAccess on typed arrays, where a bounds check is known to be unnecessary only to us.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // `a[i] ?? 0` in numeric kernels is the same as the checked form; confusing void is a matter of taste.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // A function typed as returning a promise may have nothing to wait for: drivers share one signature.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Promises
      '@typescript-eslint/no-floating-promises': ['error', { checkThenables: false }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false, arguments: true } }],
      // Size
      'max-lines': ['error', { max: MAX_LINES_PER_FILE }],
      'max-lines-per-function': ['error', { max: MAX_LINES_PER_FUNCTION }],
      // Language
      eqeqeq: ['error', 'always'],
      'prefer-const': 'error',
      'no-var': 'error',
      'no-console': 'error',
      'no-debugger': 'error',
      'no-eval': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        { selector: 'ExportSpecifier[exported.name="default"]', message: 'Named exports only.' },
      ],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^(\\.\\./)+(appserver|conf|hdfs-adapter|prediction|yarn-workers|test|scripts|examples)(/|$)',
              message: 'Another module is imported by its #name.',
            },
            {
              regex: '^#[^/]+/',
              message: 'A module is imported by its name alone: what it offers is in its index.ts.',
            },
          ],
        },
      ],
    },
  },
  {
    // Programs that speak to a terminal.
    files: ['appserver/cli/**/*.ts', 'scripts/**/*.ts', 'examples/**/*.ts', 'test/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    // Tests import what they test by path, assert by property (`to.be.true`) and describe at length.
    files: ['test/**/*.ts'],
    rules: {
      'max-lines': 'off',
      'max-lines-per-function': 'off',
      'no-restricted-imports': 'off',
      '@typescript-eslint/no-unused-expressions': 'off',
    },
  },
  {
    // Examples and programs reach into modules the way tests do.
    files: ['scripts/**/*.ts', 'examples/**/*.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
  {
    // Mocha loads a reporter by its default export; a declaration file describes what others export.
    files: ['test/support/reporter.ts', '**/*.d.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);
