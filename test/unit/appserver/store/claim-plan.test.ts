import { expect } from 'chai';
import { planClaims, type Candidate, type Claimant } from '../../../../appserver/store/claim-plan.ts';
import { random } from '../../../contract/queue/walk.ts';

const candidate = (id: number, memoryBytes: number, datasetId: string): Candidate => ({
  ...{ id: String(id), shareKey: `s${id % 3}`, running: 0, cost: 1, priority: 0, createdAt: id, jobPosition: 0 },
  ...{ datasetId, memoryBytes, groupId: null, isForming: false },
});

describe('plan of claims by memory', () => {
  it('gives out each task that a worker is left for, none twice and none to a worker that is too small', () => {
    for (let seed = 0; seed < 300; seed += 1) {
      const next = random(seed);
      const below = (count: number) => Math.floor(next() * count);
      const candidates = Array.from({ length: below(12) }, (_, id) => candidate(id, below(5), `d${below(3)}`));
      const claimants: (Claimant & { readonly name: number })[] = Array.from({ length: 1 + below(8) }, (_, name) => ({
        name,
        cachedDatasets: next() < 0.5 ? [`d${below(3)}`] : [],
        capacityBytes: next() < 0.2 ? Infinity : below(5),
      }));
      const plan = planClaims(candidates, claimants, claimants.length);
      expect(new Set(plan.map((each) => each.candidate.id)).size).to.equal(plan.length);
      expect(new Set(plan.map((each) => each.claimant.name)).size).to.equal(plan.length);
      for (const each of plan) expect(each.candidate.memoryBytes).to.be.at.most(each.claimant.capacityBytes);
      const left = candidates.filter((each) => !plan.some((given) => given.candidate === each));
      const idle = claimants.filter((each) => !plan.some(({ claimant }) => claimant === each));
      const missed = left.filter(({ memoryBytes }) => idle.some(({ capacityBytes }) => memoryBytes <= capacityBytes));
      expect(missed, `seed ${seed}`).to.deep.equal([]);
    }
  });
});
