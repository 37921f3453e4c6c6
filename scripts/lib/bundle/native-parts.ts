import path from 'node:path';
import type { Plugin } from 'esbuild';

/** Folder of native files beside the bundles. */
export const NATIVE_FOLDER = 'native';

/** A package that looks for its native part by the layout of `node_modules`; a bundle loads that part by its path. */
interface NativePart {
  /** Of the module that is replaced, as its importers name it. */
  readonly specifier: RegExp;
  /** Of its importer, where the specifier alone says too little. */
  readonly importer?: RegExp;
  /** Text of the CommonJS module that stands in for it. */
  readonly module: string;
  /** Files of {@link NATIVE_FOLDER}, each with the installed file that it is a copy of, below `node_modules`. */
  readonly files: Readonly<Record<string, string>>;
}

const load = (file: string): string => `require('./${NATIVE_FOLDER}/${file}')`;

const NATIVE_PARTS: readonly NativePart[] = [
  {
    specifier: /^@duckdb\/node-bindings$/,
    module: `module.exports = ${load('duckdb.node')};`,
    files: {
      'duckdb.node': '@duckdb/node-bindings-linux-x64/duckdb.node',
      'libduckdb.so': '@duckdb/node-bindings-linux-x64/libduckdb.so',
    },
  },
  {
    specifier: /^\.\/src\/static\.js$/,
    importer: /[\\/]node_modules[\\/]koffi[\\/]/,
    module: `exports.loadStatic = () => ${load('koffi.node')};`,
    files: { 'koffi.node': '@koromix/koffi-linux-x64/linux_x64/koffi.node' },
  },
  {
    specifier: /^\.\/binding$/,
    importer: /[\\/]node_modules[\\/]better-sqlite3[\\/]/,
    module: `exports.getBinding = () => ${load('better-sqlite3.node')};`,
    files: { 'better-sqlite3.node': 'better-sqlite3/prebuilds/linux-x64.node' },
  },
];

const NAMESPACE = 'native-part';

/**
 * The files that must lie in {@link NATIVE_FOLDER} beside a bundle of these sources, by name, each with the file that it is
 * a copy of.
 */
export function nativeFilesOf(root: string, sources: readonly string[]): Map<string, string> {
  const used = NATIVE_PARTS.filter((_, index) => sources.includes(`${NAMESPACE}:${index}`));
  const files = used.flatMap((part) => Object.entries(part.files));
  return new Map(files.map(([name, source]) => [name, path.join(root, 'node_modules', source)]));
}

/** Takes native parts out of a bundle: what loads them is replaced. */
export function nativeParts(): Plugin {
  return {
    name: NAMESPACE,
    setup(build) {
      for (const [index, { specifier, importer }] of NATIVE_PARTS.entries()) {
        build.onResolve({ filter: specifier }, (args) => {
          if (importer?.test(args.importer) === false) return undefined;
          return { path: String(index), namespace: NAMESPACE };
        });
      }
      build.onResolve({ filter: /\.node$/, namespace: NAMESPACE }, (args) => ({ path: args.path, external: true }));
      build.onLoad({ filter: /.*/, namespace: NAMESPACE }, (args) => ({
        contents: NATIVE_PARTS[Number(args.path)]?.module ?? '',
        loader: 'js',
      }));
    },
  };
}
