import { expect } from 'chai';
import { createRandom } from '#statistics';
import { ENSEMBLE, planWith, simulate, type World } from '../../../../support/autopilot-world.ts';

describe('ml autopilot next, at random', () => {
  it('keeps the budget and recommends in 1000 random worlds', () => {
    const counts = { refit: 0, ensembleRefit: 0, ensemble: 0, twin: 0, none: 0 };
    for (let seed = 0; seed < 1_000; seed += 1) {
      const random = createRandom(seed);
      const timeBudgetMs = [3_000, 5_000, 20_000, 60_000, 600_000][random.below(5)] ?? 5_000;
      const scale = timeBudgetMs * 10 ** (random.uniform() * 4 - 3);
      const validation =
        random.below(2) === 0
          ? { validation: 'cv' as const, folds: 2 + random.below(9), validationFraction: null }
          : { validation: 'tvh' as const, folds: 1, validationFraction: 0.16 };
      const plan = planWith({
        timeBudgetMs,
        parallelTasks: 1 + random.below(4),
        maxModels: random.below(4) === 0 ? 1 + random.below(8) : null,
        ensemble: random.below(4) === 0 ? null : ENSEMBLE,
        metric: random.below(2) === 0 ? 'logLoss' : 'auc',
        rowCount: random.below(2) === 0 ? 100 : 1_000_000,
        refitCopies: 1 + random.below(3),
        partitioning: { ...planWith().partitioning, ...validation },
      });
      const world: World = {
        plan,
        random,
        durationOf: (task) =>
          scale *
          (task.role === 'refit' ? 0.5 * (task.copies ?? 1) : (task.sampleFraction ?? 1)) *
          (task.blueprintId === 'baseline' ? 0.05 : 1) *
          (0.2 + random.uniform()),
        scoreOf: () => (random.uniform() < 0.1 ? null : random.uniform()),
        gainOf: () => (random.uniform() < 0.1 ? null : 4 * random.uniform() - 1),
        failureShare: random.below(3) === 0 ? random.uniform() : 0,
        deafShare: random.below(3) === 0 ? random.uniform() : 0,
        overheadMs: 50 + random.uniform() * 1_000,
        latencyMs: 5 + random.uniform() * 60,
      };
      const outcome = simulate(world);
      const place = `seed ${seed}: ${JSON.stringify(plan.partitioning)} budget ${timeBudgetMs}`;
      expect(outcome.finishedAt, place).to.be.at.most(timeBudgetMs);
      const succeeded = outcome.results.filter(
        ({ state, key }) => state === 'succeeded' && /^(search|sample)-/.test(key),
      );
      const { recommended } = outcome.decision;
      if (succeeded.length === 0) {
        expect(recommended, place).to.equal(null);
        counts.none += 1;
        continue;
      }
      const committed = outcome.results.find(({ modelId }) => modelId === recommended?.modelId);
      expect(committed?.state, place).to.equal('succeeded');
      if (committed?.key === 'refit') counts.refit += 1;
      else if (committed?.key === 'refit-ensemble') counts.ensembleRefit += 1;
      else if (committed?.key === 'ensemble') {
        counts.ensemble += 1;
        expect(recommended?.reason, place).to.match(/because (the|too)/);
        expect(committed.ensemble?.gain, place).to.be.greaterThan(0);
      } else {
        counts.twin += 1;
        expect(recommended?.reason, place).to.match(/because (the|too)/);
        const best = succeeded.every(
          ({ score }) =>
            score === null ||
            (plan.metric === 'auc' ? score <= (committed?.score ?? -1) : score >= (committed?.score ?? 2)),
        );
        const refitted = outcome.tasks.find(({ key }) => key === 'refit');
        expect(best || refitted?.refitOf === committed?.modelId, place).to.be.true;
      }
      const running = outcome.tasks
        .filter(({ key }) => !outcome.results.some((result) => result.key === key))
        .map(({ key }) => key);
      expect(outcome.decision.cancel).to.deep.equal(running);
    }
    expect(counts.refit).to.be.greaterThan(400);
    expect(counts.ensembleRefit).to.be.greaterThan(50);
    expect(counts.ensemble).to.be.greaterThan(5);
    expect(counts.twin).to.be.greaterThan(20);
    expect(counts.none).to.be.greaterThan(5);
  });
});
