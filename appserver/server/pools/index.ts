export { localCompute, type Compute } from './compute.ts';
export { largestContainerMb, largestWorkerOf, threadsOf } from './container-size.ts';
export { openPools, type HdfsAs, type Pools } from './open-pools.ts';
