/**
 * What each blueprint, and each step that makes columns, is worth: `node test/bench/automl/ablation.ts FOLDERS [SETS ROWS PARTS BLUEPRINTS]`.
 * FOLDERS (by comma) have sets with `manifest.json`: the project's shared data, what `../features/sets.py` writes. ROWS are the
 * training rows taken of each set at most; PARTS is `blueprints`, `steps`, or both by comma; BLUEPRINTS are those whose steps are
 * changed one by one. Two parts more read sets that have a step's columns: `components` those of `../features/text_components.py`,
 * `holidays` those of `../features/holiday_sets.py`; `built` has the steps themselves instead. There gains are over the set without these columns.
 * `distances` is for sets whose rows have two places (`../features/place_sets.py`): over the blueprint without its step, then over it as it is.
 *
 * Scores are of the rows held back by five folds of one seed, without a time budget, so that they are the same on any machine.
 * The gain is over LightGBM's defaults (blueprints) or over the same blueprint as it is (steps; a step that is switched off shows
 * its worth as a loss), with the standard error of the paired difference (`compareScores`).
 */
import { isAppError, type MetricName, type Parameters } from '#contracts';
import { BLUEPRINTS, compareScores, planAutopilot, rankingScore, type OutOfFold } from '#ml';
import { settingsOf } from '../../../yarn-workers/ml/blueprints/catalogue.ts';
import { usualSteps, type FeatureStepKind } from '../../../yarn-workers/ml/blueprints/reading.ts';
import { storedTable, type MemoryColumn } from '../../support/memory-table.ts';
import { profileOf } from '../../support/modelling-task.ts';
import {
  both,
  crosses,
  dates,
  daysOfYear,
  distances,
  hashes,
  missingCount,
  places,
  powers,
  ranks,
  renamed,
  without,
  type Change,
} from '../features/columns.ts';
import { fitted, realData, type RealData } from '../real-data.ts';

const STEPPED = 'lightgbm-default,lightgbm-encoded,linear,linear-splines,extra-trees';
const [folders = '', sets = '', rows = '6000', parts = 'blueprints,steps', stepped = STEPPED] = process.argv.slice(2);
const line = (text: string): void => void process.stdout.write(`${text}\n`);
const SEED = 1;

interface Variant {
  readonly blueprintId: string;
  readonly label: string;
  readonly parameters?: Parameters;
  readonly change?: Change;
  /** A kind of step that is left out. */
  readonly leftOut?: FeatureStepKind;
}

/** As many levels a category has that mean targets replace. */
const MANY_LEVELS = 100;

/** Components of texts beside the scores that trees have, and instead of them. */
function componentVariants(blueprintId: string): Variant[] {
  const none = without(/^component /);
  const eight = without(/^component (9|[1-9]\d)$/);
  const sixteen = without(/^component (1[7-9]|[2-9]\d)$/);
  const noText = without(TEXTS);
  return [
    { blueprintId, label: 'text scores', change: none },
    { blueprintId, label: '8 components too', change: eight },
    { blueprintId, label: '16 components too', change: sixteen },
    { blueprintId, label: '32 components too' },
    { blueprintId, label: '8 components instead', change: both(eight, noText) },
    { blueprintId, label: '16 components instead', change: both(sixteen, noText) },
    { blueprintId, label: '32 components instead', change: noText },
  ];
}

/** The texts of `../features/text_components.py`. */
const TEXTS = /^(message|title|text|review|remarks)$/;

/** The steps themselves: components of texts, or holidays of the country that a set is of. */
function builtVariants(blueprintId: string, set: string, hasTexts: boolean): Variant[] {
  if (hasTexts)
    return [0, 8, 16].map((textComponents) => ({
      blueprintId,
      label: `${textComponents} components`,
      parameters: { textComponents },
      change: without(/^component /),
    }));
  const change = without(/holiday/);
  const holidays = set === 'demand' ? 'DE' : 'US';
  return [
    { blueprintId, label: 'no holidays', change },
    { blueprintId, label: `holidays of ${holidays}`, parameters: { holidays }, change },
  ];
}

/** Columns of holidays, and days of the year as levels, which let a model find those that are on the same day every year. */
function holidayVariants(blueprintId: string): Variant[] {
  const none = without(/holiday/);
  return [
    { blueprintId, label: 'no holidays', change: none },
    { blueprintId, label: 'days of the year as levels', change: both(none, daysOfYear) },
    { blueprintId, label: 'holiday or not', change: without(/holiday name|days (to|since) holiday/) },
    { blueprintId, label: 'names', change: without(/^holiday$|days (to|since) holiday/) },
    { blueprintId, label: 'days to and since', change: without(/^holiday( name)?$/) },
    { blueprintId, label: 'names, days to and since', change: without(/^holiday$/) },
    {
      blueprintId,
      label: 'names, days to and since, days of the year as levels',
      change: both(without(/^holiday$/), daysOfYear),
    },
  ];
}

/** Columns of the distance between each two places of a row, instead of the step and beside it. */
function distanceVariants(blueprintId: string): Variant[][] {
  const none = { blueprintId, leftOut: 'place-distance' } as const;
  const asItIs = { blueprintId, label: 'as it is' };
  return [
    [
      { ...none, label: 'no distances' },
      asItIs,
      { ...none, label: 'km', change: distances('km') },
      { ...none, label: 'log1p km', change: distances('log') },
      { ...none, label: 'km, log1p km', change: distances('km', 'log') },
    ],
    [
      asItIs,
      { blueprintId, label: 'log1p km too', change: distances('log') },
      { blueprintId, label: 'bearing too', change: distances('bearing') },
      { blueprintId, label: 'bearing on a circle too', change: distances('circle') },
    ],
  ];
}

/** A list of variants; gains are over the first one. */
function comparisons({ name: set, train, request }: RealData): Variant[][] {
  const { target } = request;
  const features = train.filter(({ name }) => name !== target);
  const has = (kind: string): boolean => features.some(({ parse }) => parse.kind === kind);
  const hasManyLevels = features.some(
    ({ parse, cells }) => parse.kind === 'category' && new Set(cells).size >= MANY_LEVELS,
  );
  const named = (pattern: RegExp): string | undefined => features.find(({ name }) => pattern.test(name))?.name;
  const [latitude, longitude] = [named(/^lat(itude)?$/i), named(/^lo?ng?(itude)?$/i)];
  const isPlaced = latitude !== undefined && longitude !== undefined;
  const steps = (blueprintId: string): Variant[] => {
    const isLinear = blueprintId.startsWith('linear');
    const variant = (label: string, change: Change): Variant => ({ blueprintId, label, change });
    return [
      { blueprintId, label: 'as it is' },
      ...(hasManyLevels && blueprintId === 'lightgbm-default'
        ? [
            { blueprintId, label: 'target, counts', parameters: { categories: 'target', categoryCounts: true } },
            { blueprintId, label: 'both, counts', parameters: { categories: 'both', categoryCounts: true } },
          ]
        : []),
      ...(has('category') ? [variant('crosses', crosses(target))] : []),
      ...(isLinear ? [{ blueprintId, label: 'chosen crosses', parameters: { crosses: 8 } }] : []),
      ...(isLinear && isPlaced ? [{ blueprintId, label: 'no cells of places', parameters: { placeCells: 0 } }] : []),
      ...(has('date') ? [variant('dates are days', dates(['epochDays']))] : []),
      ...(named(/^component /) === undefined ? [] : [variant('without components', without(/^component /))]),
      ...(isLinear && has('category') ? [variant('hashes', hashes(target))] : []),
      ...(isLinear && has('number') ? [variant('powers', powers(target)), variant('ranks', ranks(target))] : []),
      ...(features.some(({ cells }) => cells.includes(null)) ? [variant('missing count', missingCount(target))] : []),
      ...(isPlaced
        ? [
            variant('places unknown', renamed({ [latitude]: 'north', [longitude]: 'east' })),
            ...(['centre', 'cells'] as const).map((what) => variant(what, places(latitude, longitude, what))),
          ]
        : []),
    ];
  };
  const first: Variant = { blueprintId: 'lightgbm-default', label: 'blueprint' };
  const others = BLUEPRINTS.map(({ id }) => id).filter((id) => id !== first.blueprintId);
  return [
    ...(parts.includes('blueprints')
      ? [[first, ...others.map((blueprintId): Variant => ({ blueprintId, label: 'blueprint' }))]]
      : []),
    ...(parts.includes('steps') ? stepped.split(',').map(steps) : []),
    ...(parts === 'components' ? stepped.split(',').map(componentVariants) : []),
    ...(parts === 'distances' ? stepped.split(',').flatMap(distanceVariants) : []),
    ...(parts === 'holidays' ? stepped.split(',').map(holidayVariants) : []),
    ...(parts === 'built'
      ? stepped.split(',').map((id) =>
          builtVariants(
            id,
            set,
            features.some(({ name }) => TEXTS.test(name)),
          ),
        )
      : []),
    ...(parts === 'cells' ? [[{ blueprintId: stepped, label: 'as it is' }]] : []),
  ];
}

/** Rows of a table at equal distances. */
function thinned(table: readonly MemoryColumn[], most: number): MemoryColumn[] {
  const stride = Math.max(1, (table[0]?.cells.length ?? 0) / most);
  return table.map((column) => ({
    ...column,
    cells: column.cells.filter((_, row) => Math.floor(row / stride) !== Math.floor((row - 1) / stride)),
  }));
}

/** What a variant predicts for the rows held back; null where it changes nothing, or cannot be fitted for such a target. */
async function outOfFold(data: RealData, table: readonly MemoryColumn[], variant: Variant) {
  const { blueprintId, parameters = {}, change, leftOut } = variant;
  const own = change === undefined ? table : change(table, table)[0];
  if (change !== undefined && own.length === table.length && own.every((column, place) => column === table[place]))
    return null;
  const profile = await profileOf(own, 10_000);
  const plan = planAutopilot(
    { ...data.request, seed: SEED },
    { profile, table: storedTable(own), parallelTasks: 1, threadsPerTask: 2 },
  );
  const featureSteps = usualSteps(blueprintId, settingsOf(blueprintId, parameters)).filter((kind) => kind !== leftOut);
  const found = await fitted(plan, own, {
    ...{ blueprintId, parameters, refitOf: null, iterations: null },
    ...(leftOut === undefined ? {} : { featureSteps }),
  }).catch((err: unknown) => {
    if (isAppError(err, 'VALIDATION_FAILED')) return null;
    throw err;
  });
  if (found === null) return null;
  const { fit, cpuMs } = found;
  return {
    plan,
    cpuMs,
    predictions: fit.outOfFold,
    score: fit.scores === null ? null : rankingScore(fit.scores, data.metric),
  };
}

const digits = (value: number | null | undefined): string => (value ?? NaN).toFixed(5);

line(
  '| set | metric | blueprint | step | score | gain | standard error | CPU, s |\n| --- | --- | --- | --- | --- | --- | --- | --- |',
);
for (const folder of folders.split(',')) {
  for await (const data of realData(folder, sets === '' ? [] : sets.split(','))) {
    const metric: MetricName = data.metric;
    const table = thinned(data.train, Number(rows));
    for (const variants of comparisons(data)) {
      let first: OutOfFold | null = null;
      for (const variant of variants) {
        const found = await outOfFold(data, table, variant);
        if (found === null) continue;
        const { plan, cpuMs, predictions, score } = found;
        if (predictions === null) throw new Error(`${variant.blueprintId} predicts no row that is held back`);
        first ??= predictions;
        const { gain, noise } = compareScores(predictions, first, plan.target, metric, SEED);
        const cells = [data.name, metric, variant.blueprintId, variant.label, digits(score)];
        line(`| ${[...cells, digits(gain), digits(noise), (cpuMs / 1000).toFixed(1)].join(' | ')} |`);
      }
    }
  }
}
