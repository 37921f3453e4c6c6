import { createHash } from 'node:crypto';
import path from 'node:path';
import { cacheFolder } from '../../scripts/lib/cache.ts';
import { openEngines, type Engines } from '../../yarn-workers/worker/native/engines.ts';

const LIGHTGBM_VERSION = '4.7.0';
const XGBOOST_VERSION = '3.2.0';

/** LightGBM's library: named by the environment, as `scripts/test` does, else where `scripts/bootstrap` keeps it. */
export function lightgbmLibraryPath(): string {
  const named = process.env['TRAINYARD_LIGHTGBM_LIBRARY'];
  if (named !== undefined && named !== '') return named;
  return path.join(cacheFolder(), 'lightgbm', LIGHTGBM_VERSION, 'lib_lightgbm.so');
}

/** XGBoost's, in the same way. */
export function xgboostLibraryPath(): string {
  const named = process.env['TRAINYARD_XGBOOST_LIBRARY'];
  if (named !== undefined && named !== '') return named;
  return path.join(cacheFolder(), 'xgboost', XGBOOST_VERSION, 'libxgboost.so');
}

let engine: Engines | undefined;

/** The real engines, loaded once. @throws NATIVE_LIBRARY when bootstrap has not run */
export function testEngine(): Engines {
  engine ??= openEngines({
    lightgbmLibrary: lightgbmLibraryPath(),
    libgompLibrary: process.env['TRAINYARD_LIBGOMP_LIBRARY'] ?? '',
    xgboostLibrary: xgboostLibraryPath(),
  });
  return engine;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
