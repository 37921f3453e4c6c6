export { localCompute, type Compute } from './compute.ts';
export { openPools, type Pools } from './open-pools.ts';
