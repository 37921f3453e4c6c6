import { AppError } from '#contracts';
import type { JsonObject } from '../api-client.ts';
import { command, requiredFlag, requiredWord, type CommandContext } from '../command.ts';
import { cell, table } from '../output.ts';
import { fields, follow } from './jobs.ts';
import { pinsOf } from './pins.ts';

/** The project that a flag names, or the newest one, which is then named on standard error. */
export async function projectOf(context: CommandContext, id: string | undefined): Promise<string> {
  if (id !== undefined) return id;
  const newest = await context.api().newest('/projects', 'project');
  context.output.note(`project ${cell(newest['id'])} (${cell(newest['name'])}), the newest`);
  return String(newest['id']);
}

/** The feature list of a model, and how many of its features it does not read because they give the target away. */
function featuresOf(row: JsonObject): string {
  const left = (row['excludedForLeakage'] as readonly string[] | undefined)?.length ?? 0; // LeaderboardEntry of the contract
  const list = cell(row['featureList'] ?? 'default');
  return left === 0 ? list : `${list} without ${left}`;
}

/** The leaderboard as a table for people. */
export function leaderboardTable(board: JsonObject): string {
  const metric = String(board['metric']);
  const rows = board['data'] as readonly JsonObject[]; // Leaderboard of the contract
  const score = (row: JsonObject, part: string) => {
    const scores = row['scores'] as Readonly<Record<string, Readonly<Record<string, number>> | null>>; // ditto
    return cell(scores[part]?.[metric]);
  };
  return table(
    ['rank', 'model', 'name', 'features', 'validation', 'cross-validation', 'holdout', 'fit s', 'us/row', 'KiB', ''],
    rows.map((row) => [
      cell(row['rank']),
      cell(row['modelId']),
      cell(row['name']),
      featuresOf(row),
      score(row, 'validation'),
      score(row, 'crossValidation'),
      score(row, 'holdout'),
      cell(row['fitSeconds']),
      cell(row['predictMicrosPerRow']),
      cell(Math.round(Number(row['sizeBytes']) / 1024)),
      row['recommended'] === true ? 'recommended' : '',
    ]),
  );
}

/** The models of a replay as a table for people. */
function replayTable(run: JsonObject): string {
  const { models } = run['replay'] as { readonly models: readonly JsonObject[] }; // AutopilotRun of the contract
  return table(
    ['task', 'model', 'content hash', ''],
    models.map((row) => [
      cell(row['key']),
      cell(row['modelId']),
      cell(row['contentHash']),
      `${row['isEqual'] === true ? 'equal' : 'differs'}${row['isRecommended'] === true ? ', recommended' : ''}`,
    ]),
  );
}

export const projectCommands = [
  command({
    path: 'projects create',
    summary: 'make a project of a dataset (default: the newest)',
    flags: {
      dataset: { kind: 'text', description: 'id of the dataset' },
      name: { kind: 'text', description: 'name; default the dataset’s' },
      description: { kind: 'text', description: 'what it is for' },
    },
    run: async ({ flags }, { api, output }) => {
      const dataset =
        flags.dataset === undefined
          ? await api().newest('/datasets', 'dataset')
          : await api().get(`/datasets/${encodeURIComponent(flags.dataset)}`);
      const project = await api().post('/projects', {
        name: flags.name ?? String(dataset['name']),
        datasetId: String(dataset['id']),
        ...(flags.description === undefined ? {} : { description: flags.description }),
      });
      output.result(project, () => `project ${cell(project['id'])} on dataset ${cell(dataset['name'])}`);
    },
  }),
  command({
    path: 'projects list',
    summary: 'your projects',
    flags: {},
    run: async (_args, { api, output }) => {
      const rows = await api().list('/projects');
      output.result(rows, () =>
        table(
          ['id', 'name', 'dataset', 'target', 'created'],
          rows.map((row) => [row['id'], row['name'], row['datasetId'], row['target'], row['createdAt']].map(cell)),
        ),
      );
    },
  }),
  command({
    path: 'projects show',
    usage: 'ID',
    summary: 'one project',
    flags: {},
    wordsMax: 1,
    run: async ({ words }, { api, output }) => {
      const project = await api().get(`/projects/${encodeURIComponent(requiredWord(words, 'the project’s id'))}`);
      output.result(project, () => fields(project));
    },
  }),
  command({
    path: 'projects delete',
    usage: 'ID',
    summary: 'delete a project with its models',
    flags: {},
    wordsMax: 1,
    run: async ({ words }, { api, output }) => {
      const id = requiredWord(words, 'the project’s id');
      await api().delete(`/projects/${encodeURIComponent(id)}`);
      output.result({ id, deleted: true }, () => `project ${id} is deleted`);
    },
  }),
];

/** What is asked for about rare classes; undefined: nothing. */
const imbalanceOf = ({
  imbalance,
  ratio,
}: {
  readonly imbalance?: string | undefined;
  readonly ratio?: number | undefined;
}) =>
  imbalance === undefined && ratio === undefined
    ? undefined
    : { method: imbalance ?? 'downsampling', ...(ratio === undefined ? {} : { ratio }) };

export const autopilotCommands = [
  command({
    path: 'autopilot run',
    summary: 'find the best model for a target (default: newest project)',
    flags: {
      project: { kind: 'text', description: 'id of the project' },
      target: { kind: 'text', description: 'feature to predict' },
      targetType: { kind: 'text', description: 'binary, multiclass or regression' },
      positiveClass: { kind: 'text', description: 'label of the positive class' },
      metric: { kind: 'text', description: 'what models are ranked by' },
      mode: { kind: 'text', description: 'quick, full or manual' },
      timeBudget: { kind: 'integer', description: 'seconds until the recommended model must be ready' },
      maxModels: { kind: 'integer', description: 'models at most; such runs can be repeated exactly' },
      seed: { kind: 'integer', description: 'of partitions and models' },
      duplicatesTogether: {
        kind: 'switch',
        description: 'deal rows that are equal in all features to one partition (first run of a project)',
      },
      exclude: { kind: 'list', description: 'features to leave out' },
      featureList: { kind: 'text', description: 'name of the feature list to model' },
      imbalance: { kind: 'text', description: 'of rare classes: none, weights (balanced) or downsampling' },
      ratio: { kind: 'number', description: 'with downsampling: rows of the largest class for each of all others' },
      maxWorkers: { kind: 'integer', description: 'tasks at a time' },
      blueprints: { kind: 'list', description: 'ids of the blueprints to try, instead of all' },
      pin: { kind: 'list', description: 'parameters that are not varied: leaves=8 or lightgbm-slow.leaves=8' },
      dryRun: { kind: 'switch', description: 'show the plan, change nothing' },
      wait: { kind: 'switch', description: 'wait for the end and show the leaderboard' },
    },
    run: async ({ flags }, context) => {
      const { api, output } = context;
      const project = await projectOf(context, flags.project);
      const body = {
        target: requiredFlag(flags.target, 'target'),
        targetType: flags.targetType,
        positiveClass: flags.positiveClass,
        metric: flags.metric,
        mode: flags.mode,
        timeBudgetSeconds: flags.timeBudget,
        maxModels: flags.maxModels,
        seed: flags.seed,
        // Without classes to stratify by, rows are dealt at random.
        partitioning: flags.duplicatesTogether ? { method: 'stratified', duplicates: 'together' } : undefined,
        excludedFeatures: flags.exclude,
        featureList: flags.featureList,
        imbalance: imbalanceOf(flags),
        maxWorkers: flags.maxWorkers,
        blueprints: flags.blueprints,
        pinnedParameters: flags.pin === undefined ? undefined : pinsOf(flags.pin),
      };
      const answer = await api().post(
        `/projects/${encodeURIComponent(project)}/autopilot${flags.dryRun ? '?dryRun=true' : ''}`,
        body,
      );
      if (flags.dryRun || !flags.wait) {
        output.result(answer, () =>
          flags.dryRun ? fields(answer) : `job ${cell(answer['id'])} is ${cell(answer['state'])}`,
        );
        return;
      }
      await follow(context, answer, 'modelling');
      const board = await api().get(`/projects/${encodeURIComponent(project)}/leaderboard`);
      output.result(board, () => leaderboardTable(board));
    },
  }),
  ...(['pause', 'resume', 'stop'] as const).map((verb) =>
    command({
      path: `autopilot ${verb}`,
      summary: `${verb} the run of a project (default: the newest)`,
      flags: { project: { kind: 'text', description: 'id of the project' } },
      run: async ({ flags }, context) => {
        const project = await projectOf(context, flags.project);
        const answer = await context.api().post(`/projects/${encodeURIComponent(project)}/autopilot/${verb}`, {});
        context.output.result(answer, () => fields(answer));
      },
    }),
  ),
  command({
    path: 'autopilot replay',
    summary: 'make the models of a run (default: of the newest project) again and compare them',
    flags: {
      project: { kind: 'text', description: 'id of the project' },
      name: { kind: 'text', description: 'of the new project' },
      wait: { kind: 'switch', description: 'wait for the end and show which models differ' },
    },
    run: async ({ flags }, context) => {
      const { api, output } = context;
      const project = await projectOf(context, flags.project);
      const job = await api().post(`/projects/${encodeURIComponent(project)}/autopilot/replay`, { name: flags.name });
      if (!flags.wait) {
        output.result(job, () => `job ${cell(job['id'])} is ${cell(job['state'])}`);
        return;
      }
      const { projectId } = await follow(context, job, 'replaying');
      const run = await api().get(`/projects/${encodeURIComponent(String(projectId))}/autopilot`);
      output.result(run, () => replayTable(run));
      const { isEqual } = run['replay'] as { readonly isEqual: boolean | null }; // AutopilotRun of the contract
      if (isEqual !== true)
        throw new AppError(
          'CONFLICT',
          `project ${cell(projectId)}: not all models are those of the run that it repeats`,
        );
    },
  }),
  command({
    path: 'autopilot show',
    summary: 'state, plan and time of a run',
    flags: { project: { kind: 'text', description: 'id of the project' } },
    run: async ({ flags }, context) => {
      const project = await projectOf(context, flags.project);
      const answer = await context.api().get(`/projects/${encodeURIComponent(project)}/autopilot`);
      context.output.result(answer, () => fields(answer));
    },
  }),
  command({
    path: 'leaderboard',
    summary: 'models of a project (default: the newest), best first',
    flags: {
      project: { kind: 'text', description: 'id of the project' },
      metric: { kind: 'text', description: 'rank by another metric' },
      limit: { kind: 'integer', description: 'rows at most' },
    },
    run: async ({ flags }, context) => {
      const project = await projectOf(context, flags.project);
      const query = new URLSearchParams();
      if (flags.metric !== undefined) query.set('metric', flags.metric);
      if (flags.limit !== undefined) query.set('limit', String(flags.limit));
      const board = await context.api().get(`/projects/${encodeURIComponent(project)}/leaderboard?${query.toString()}`);
      context.output.result(board, () => leaderboardTable(board));
    },
  }),
];
