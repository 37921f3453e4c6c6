export * from './common.ts';
export * from './datasets.ts';
export * from './deployments.ts';
export * from './jobs.ts';
export * from './models.ts';
export * from './operations.ts';
export * from './projects.ts';
export * from './users.ts';
