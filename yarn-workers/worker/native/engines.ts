import type { BoostingEngine, XgboostEngine } from '#ml';
import { openLightgbm, type LightgbmEngine } from './lightgbm.ts';
import { openXgboost } from './xgboost.ts';

/** Where the native libraries are; empty: wherever the dynamic loader finds them. */
export interface EngineLibraries {
  readonly lightgbmLibrary: string;
  readonly libgompLibrary: string;
  readonly xgboostLibrary: string;
}

/** Both engines. */
export type Engines = BoostingEngine & LightgbmEngine;

/**
 * LightGBM now, XGBoost when a model of it is first fitted: a worker that never does holds none of it.
 *
 * @throws NATIVE_LIBRARY
 */
export function openEngines({ lightgbmLibrary, libgompLibrary, xgboostLibrary }: EngineLibraries): Engines {
  const lightgbm = openLightgbm({
    libraryPath: lightgbmLibrary === '' ? 'lib_lightgbm.so' : lightgbmLibrary,
    ...(libgompLibrary === '' ? {} : { libgompPath: libgompLibrary }),
  });
  let xgboost: XgboostEngine | undefined;
  return {
    ...lightgbm,
    xgboost: () => {
      xgboost ??= openXgboost({ libraryPath: xgboostLibrary === '' ? 'libxgboost.so' : xgboostLibrary });
      return xgboost;
    },
  };
}
