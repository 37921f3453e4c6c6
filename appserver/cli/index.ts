export { ApiClient, connectionOf, type JobView, type JsonObject } from './api-client.ts';
export { leaderboardTable } from './commands/projects.ts';
export { run, type RunOptions } from './run.ts';
export { cell, createOutput, table, type Output } from './output.ts';
export { startPlatform, type Platform } from './up/up.ts';
