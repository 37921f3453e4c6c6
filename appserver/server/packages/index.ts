export { packageEntries, type PackagedDeployment } from './entries.ts';
export { packagedGrants } from './grants.ts';
export { packageFile, type PackageFile } from './package-file.ts';
export { createPackageRuntimes, type PackageRuntime } from './runtime.ts';
