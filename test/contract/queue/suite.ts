import { expect } from 'chai';
import { getTask, migrate } from '#store';
import { applicationsCases } from './applications.ts';
import { cancellationCases } from './cancellation.ts';
import { checkpointsCases } from './checkpoints.ts';
import { claimsCases } from './claims.ts';
import { claimsGroupsCases } from './claims-groups.ts';
import { claimsMemoryCases } from './claims-memory.ts';
import { claimsPoolsCases } from './claims-pools.ts';
import { claimsTogetherCases } from './claims-together.ts';
import { concurrencyCases } from './concurrency.ts';
import { creationCases } from './creation.ts';
import { dependenciesCases } from './dependencies.ts';
import { failuresCases } from './failures.ts';
import { groupRanksCases } from './group-ranks.ts';
import { groupsCases } from './groups.ts';
import { checkAlways } from './invariants.ts';
import { leasesCases } from './leases.ts';
import { outboxCases } from './outbox.ts';
import { refusalsCases } from './refusals.ts';
import { resultsCases } from './results.ts';
import type { Stage } from './stage.ts';
import { staleFencesCases } from './stale-fences.ts';
import { tokensCases } from './tokens.ts';
import { versionsCases } from './versions.ts';
import { walkCases } from './walk.ts';
import { refused, World, type TestStore } from './world.ts';

/** A database to hold the queue's contract against. */
export interface QueueDriver {
  /** A fresh, empty database whose clock is simulated. */
  readonly open: () => Promise<TestStore>;
  /** Seeds of the random walk; cheap databases walk further. */
  readonly walks: { readonly seeds: number; readonly steps: number };
}

/** What the queue does on every database. */
export function queueSuite(name: string, driver: QueueDriver): void {
  describe(`queue: ${name}`, function () {
    this.timeout(60_000);
    const stage = {} as Stage; // filled before each test

    beforeEach(async () => {
      stage.store = await driver.open();
      stage.world = await World.open(stage.store);
      stage.worker = await stage.world.addWorker();
      stage.other = await stage.world.addWorker();
    });
    afterEach(async () => {
      await checkAlways(stage.world);
      await stage.world.close();
      await stage.store.close();
    });

    creationCases(stage);
    claimsCases(stage);
    claimsTogetherCases(stage);
    claimsGroupsCases(stage);
    claimsPoolsCases(stage);
    claimsMemoryCases(stage);
    applicationsCases(stage);
    tokensCases(stage);
    versionsCases(stage);
    resultsCases(stage);
    checkpointsCases(stage);
    failuresCases(stage);
    leasesCases(stage);
    staleFencesCases(stage);
    cancellationCases(stage);
    dependenciesCases(stage);
    groupsCases(stage);
    groupRanksCases(stage);
    outboxCases(stage);
    refusalsCases(stage);

    describe('the schema', () => {
      it('is brought up once, and a newer one is refused', async () => {
        const { database } = stage.world;
        const { from, to } = await migrate(database);
        expect(from).to.equal(to);
        await database.knex('schema_version').insert({ version: to + 1, name: 'future', applied_at: 0 });
        await refused(migrate(database), 'SCHEMA_TOO_NEW');
        expect(await getTask(database, 'task_unknown')).to.equal(null);
      });
    });

    concurrencyCases(() => stage);
    walkCases(() => stage.world, driver.walks);
  });
}
