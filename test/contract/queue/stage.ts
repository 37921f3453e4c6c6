import type { TestStore, TestWorker, World } from './world.ts';

/** What each test finds: a fresh database, a queue over it, and two workers. A test may put others in their place. */
export interface Stage {
  store: TestStore;
  world: World;
  worker: TestWorker;
  other: TestWorker;
}
