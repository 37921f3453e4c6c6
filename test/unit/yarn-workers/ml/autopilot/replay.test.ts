import { expect } from 'chai';
import type { AutopilotState, PlannedResult, PlannedTask, RecordedModel, RecordedRun } from '#contracts';
import { next } from '#ml';
import { mixedTable } from '../../../../support/mixed-table.ts';
import { planOf } from '../../../../support/modelling-task.ts';

const taskOf = (key: string, changes: Partial<PlannedTask> = {}): PlannedTask => ({
  key,
  role: 'search',
  blueprintId: 'linear',
  parameters: {},
  refitOf: null,
  iterations: null,
  deadlineMs: 4_000,
  ...changes,
});

const model = (task: PlannedTask): RecordedModel => ({
  task,
  modelId: `old-${task.key}`,
  contentHash: '0'.repeat(64),
  stops: {},
});

const members = (...keys: string[]) => keys.map((key) => ({ modelId: `old-${key}`, weight: 0.5 }));
const RECORDED: RecordedRun = {
  runId: 'run-1',
  projectId: 'project-1',
  recommendedModelId: 'old-refit-ensemble',
  models: [
    model(taskOf('a', { sampleFraction: 0.25 })),
    model(taskOf('b')),
    model(taskOf('ensemble', { role: 'ensemble', members: members('a', 'b') })),
    model(taskOf('refit-0', { role: 'refit', refitOf: 'old-a', iterations: 7, copies: 2 })),
    model(taskOf('refit-1', { role: 'refit', refitOf: 'old-b', iterations: 9 })),
    model(taskOf('refit-ensemble', { role: 'refit', refitOf: 'old-ensemble', members: members('refit-0', 'refit-1') })),
  ],
};

const resultOf = ({ key }: PlannedTask, state: PlannedResult['state'] = 'succeeded'): PlannedResult => ({
  key,
  modelId: `new-${key}`,
  state,
  score: 0.5,
  iterations: 3,
  fitMs: 1,
});

describe('ml autopilot: replay', () => {
  const planWith = async (parallelTasks: number) => ({
    ...(await planOf(mixedTable(200), { target: 'binary' })),
    parallelTasks,
    replay: RECORDED,
  });

  for (const parallelTasks of [1, 3])
    it(`makes the recorded tasks in order, each once what it needs is there (${parallelTasks} at a time)`, async () => {
      const plan = await planWith(parallelTasks);
      const state = { tasks: [] as PlannedTask[], results: [] as PlannedResult[], elapsedMs: null, stopping: false };
      for (;;) {
        const decision = next(plan, state);
        if (decision.finished) {
          expect(decision.recommended).to.deep.equal({
            modelId: 'new-refit-ensemble',
            reason: 'Made again as run run-1 of project project-1 made and recommended it.',
          });
          break;
        }
        state.tasks.push(...decision.tasks);
        const open = state.tasks.filter(({ key }) => !state.results.some((result) => result.key === key));
        expect(open.length).to.be.within(1, parallelTasks);
        expect(decision).to.include({ wakeAtMs: null, recommended: null });
        state.results.push(resultOf(open[0] ?? expect.fail('nothing is open')));
      }
      const text = JSON.stringify(RECORDED.models.map(({ task }) => task)).replaceAll('old-', 'new-');
      const expected = (JSON.parse(text) as PlannedTask[]).map((task) => ({ ...task, deadlineMs: null }));
      expect(state.tasks).to.have.deep.members(expected);
      if (parallelTasks === 1) expect(state.tasks).to.deep.equal(expected);
    });

  it('recommends nothing where a model of it cannot be made again', async () => {
    const tasks = RECORDED.models.slice(0, 2).map(({ task }) => task);
    const [a = expect.fail(), b = expect.fail()] = tasks;
    const state: AutopilotState = {
      tasks,
      results: [resultOf(a, 'failed'), resultOf(b)],
      elapsedMs: null,
      stopping: false,
    };
    const decision = next(await planWith(4), state);
    expect(decision.tasks.map(({ key }) => key)).to.deep.equal(['refit-1']);
    const [refit = expect.fail()] = decision.tasks;
    const end = next(await planWith(4), {
      ...state,
      tasks: [...tasks, refit],
      results: [...state.results, resultOf(refit)],
    });
    expect(end).to.deep.equal({ tasks: [], cancel: [], recommended: null, finished: true, wakeAtMs: null });
  });

  it('cancels what is open when it is stopped', async () => {
    const tasks = RECORDED.models.slice(0, 2).map(({ task }) => task);
    const [a = expect.fail()] = tasks;
    const end = next(await planWith(4), { tasks, results: [resultOf(a)], elapsedMs: null, stopping: true });
    expect(end).to.deep.include({ tasks: [], cancel: ['b'], recommended: null, finished: true });
  });
});
