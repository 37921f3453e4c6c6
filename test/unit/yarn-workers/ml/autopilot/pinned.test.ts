import { expect } from 'chai';
import type { AutopilotPlan, AutopilotState, PinnedParameters } from '#contracts';
import { next, settingsOf, type AutopilotRequest } from '#ml';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { mixedTable } from '../../../../support/mixed-table.ts';
import { planOf } from '../../../../support/modelling-task.ts';

const TABLE = mixedTable(300);

const planned = (pinnedParameters: PinnedParameters, request: Partial<AutopilotRequest> = {}): Promise<AutopilotPlan> =>
  planOf(TABLE, { target: 'binary', pinnedParameters, ...request });

const settings = ({ candidates }: AutopilotPlan, blueprintId: string) =>
  candidates.filter((one) => one.blueprintId === blueprintId).map((one) => settingsOf(blueprintId, one.parameters));

/** What a plan fits, without what a name does not decide. */
const facts = ({ candidates }: AutopilotPlan): string[] =>
  candidates.map(({ blueprintId, parameters }) => JSON.stringify([blueprintId, settingsOf(blueprintId, parameters)]));

const RUNS = [
  ['quick', {}],
  ['quick in a budget', { timeBudgetSeconds: 60 }],
  ['full', { mode: 'full' }],
  ['full in a budget', { mode: 'full', timeBudgetSeconds: 60 }],
  ['of a list', { blueprints: ['baseline', 'linear', 'lightgbm-slow', 'xgboost-slow'] }],
  ['with more models than blueprints', { maxModels: 40 }],
] as const;

describe('ml autopilot pinned parameters', () => {
  for (const [name, request] of RUNS) {
    it(`hold for all candidates of a run that is ${name}, and only what else differs is tried`, async () => {
      const pins = { 'lightgbm-slow': { leaves: 8 }, learningRate: 0.05 };
      const plan = await planned(pins, request);
      expect(plan.pinnedParameters).to.deep.equal(pins);
      const slow = settings(plan, 'lightgbm-slow');
      expect(slow.length).to.be.greaterThan(0);
      for (const one of slow) expect(one).to.include({ leaves: 8, learningRate: 0.05 });
      for (const { blueprintId, parameters } of plan.candidates) {
        const one = settingsOf(blueprintId, parameters);
        if (one !== null && 'learningRate' in one) expect(one.learningRate, blueprintId).to.equal(0.05);
      }
      expect(new Set(facts(plan)).size).to.equal(plan.candidates.length);
      const free = await planOf(TABLE, { target: 'binary', ...request });
      expect(free).not.to.have.property('pinnedParameters');
      const [ids, freeIds] = [plan, free].map(({ candidates }) => new Set(candidates.map((one) => one.blueprintId)));
      expect(ids).to.deep.equal(freeIds);
    });
  }

  it('give every model that reads dates one country’s holidays', async () => {
    const plan = await planned({ holidays: 'AT' }, { mode: 'full' });
    const read = plan.candidates.map(({ blueprintId, parameters }) => settingsOf(blueprintId, parameters));
    const countries = read.map((one) => (one !== null && 'holidays' in one ? one.holidays : null));
    expect(countries.filter((country) => country === 'AT')).to.have.length(countries.length - 1);
    const err = await appErrorOf('VALIDATION_FAILED', () => planned({ holidays: 'Austria' }));
    expect(err.message).to.contain('must be one of none, US, GB, DE, FR, AT; found "Austria"');
  });

  it('make equal candidates one', async () => {
    const varied = {
      ...{ leaves: 16, learningRate: 0.05, minRowsPerLeaf: 10, rowFraction: 0.8, featureFraction: 0.7, l1: 0, l2: 1 },
      ...{ categorySmoothing: 10, extraTrees: false },
    };
    const plan = await planned({ 'lightgbm-slow': varied }, { mode: 'full', timeBudgetSeconds: 60 });
    expect(settings(plan, 'lightgbm-slow')).to.have.length(1);
    // Two blueprints that become the same.
    const { maxIterations, earlyStoppingRounds } = { maxIterations: 1_000, earlyStoppingRounds: 50 };
    const same = { learningRate: 0.1, maxIterations, earlyStoppingRounds, leaves: 31 };
    const pair = await planned(
      { 'lightgbm-fast': same, 'lightgbm-default': same },
      { blueprints: ['lightgbm-fast', 'lightgbm-default', 'linear'] },
    ).then(({ candidates }) => candidates.map(({ blueprintId }) => blueprintId));
    expect(pair).to.deep.equal(['lightgbm-fast', 'linear']);
  });

  it('by blueprint go before those by name', async () => {
    const plan = await planned({ learningRate: 0.1, 'lightgbm-slow': { learningRate: 0.02 } });
    expect(settings(plan, 'lightgbm-slow')[0]).to.include({ learningRate: 0.02 });
    expect(settings(plan, 'lightgbm-fast')[0]).to.include({ learningRate: 0.1 });
  });

  it('leave out what a candidate cannot be with them', async () => {
    const plan = await planned({ 'lightgbm-slow': { boosting: 'rf' } }, { mode: 'full', timeBudgetSeconds: 60 });
    for (const one of settings(plan, 'lightgbm-slow'))
      expect(one).to.include({ boosting: 'rf' }).and.not.include({ rowFraction: 1 });
  });

  it('are in the tasks of the run and of its refit', async () => {
    const plan = await planned({ leaves: 9 }, { blueprints: ['lightgbm-fast'] });
    const state = (changes: Partial<AutopilotState>): AutopilotState => ({
      ...{ tasks: [], results: [], elapsedMs: null, stopping: false },
      ...changes,
    });
    const [search] = next(plan, state({})).tasks;
    if (search === undefined) throw new Error('nothing is tried');
    expect(search.parameters).to.deep.equal({ leaves: 9 });
    const result = {
      key: search.key,
      modelId: 'm',
      state: 'succeeded',
      score: 0.5,
      iterations: 20,
      fitMs: 10,
    } as const;
    const [refit] = next(plan, state({ tasks: [search], results: [result] })).tasks;
    expect(refit).to.deep.include({ role: 'refit', parameters: { leaves: 9 } });
  });

  it('are refused with the name, what is given and what is allowed', async () => {
    for (const [pins, path, says, request] of [
      [{ depth: 3 }, '/pinnedParameters/depth', 'learningRate'],
      [{ depth: { leaves: 3 } }, '/pinnedParameters/depth', 'lightgbm-slow'],
      [{ 'lightgbm-slow': 3 }, '/pinnedParameters/lightgbm-slow', 'a blueprint with an object'],
      [{ leaves: { leaves: 3 } }, '/pinnedParameters/leaves', 'a parameter with a value'],
      [{ baseline: { leaves: 3 } }, '/pinnedParameters/baseline', 'not a blueprint with parameters'],
      [{ leaves: 1 }, '/pinnedParameters/leaves', 'an integer from 2 to 4096; found 1'],
      [{ 'lightgbm-slow': { leaves: 1 } }, '/pinnedParameters/lightgbm-slow/leaves', 'an integer from 2 to 4096'],
      [{ 'lightgbm-slow': { trees: 10 } }, '/pinnedParameters/lightgbm-slow/trees', 'known are'],
      [{ 'lightgbm-default': { boosting: 'rf' } }, '/pinnedParameters/lightgbm-default/rowFraction', 'below 1'],
      [{ 'xgboost-slow': { maxDepth: 3 } }, '/pinnedParameters/xgboost-slow', 'no candidate of this run'],
      [{ leaves: 8 }, '/pinnedParameters/leaves', 'no candidate of this run', { mode: 'manual' }],
      [
        { trees: 8 },
        '/pinnedParameters/trees',
        'no candidate of this run',
        { blueprints: ['linear', 'lightgbm-slow'] },
      ],
      [{ __proto__: null, constructor: 8 }, '/pinnedParameters/constructor', 'is not a parameter'],
    ] as readonly (readonly [PinnedParameters, string, string, Partial<AutopilotRequest>?])[]) {
      const err = await appErrorOf('VALIDATION_FAILED', () => planned(pins, request));
      expect(err.errors[0]?.path).to.equal(path);
      expect(err.message).to.include(says);
    }
  });
});
