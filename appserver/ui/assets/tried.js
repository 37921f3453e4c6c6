// What the latest run has no model of: tasks that failed or were cancelled, and candidates that it did not come to.

import { addressOf, folded, make, number, table } from './dom.js';

const isOver = ({ finishedAt }) => finishedAt !== null;

/** Nothing where every candidate has a model. */
export const triedOf = (run) => [...failuresOf(run), ...untriedOf(run)];

function failuresOf({ failures, tasks }) {
  if (failures.length === 0) return [];
  const rows = table(
    failures,
    [
      ['Model', ({ modelId, name }) => make('a', { href: addressOf({ model: modelId }) }, name), 'name'],
      ['Blueprint', ({ blueprintId }) => blueprintId],
      ['State', ({ state }) => state],
      ['Why', ({ reason }) => reason],
    ],
    'None.',
  );
  const more =
    tasks.failed > failures.length
      ? [make('p', { className: 'hint' }, `The first ${number(failures.length)} of ${number(tasks.failed)}.`)]
      : [];
  return [folded(`Ended without a model: ${number(tasks.failed)}`, rows, ...more)];
}

function untriedOf(run) {
  const { untried, plan } = run;
  if (untried.length === 0) return [];
  const rows = table(
    untried,
    [
      ['Blueprint', ({ blueprintId }) => blueprintId],
      [
        'Parameters of its own',
        ({ parameters }) =>
          Object.entries(parameters)
            .map(([name, value]) => `${name} ${value}`)
            .join(', '),
      ],
    ],
    'None.',
  );
  const budget = plan.timeBudgetMs === null ? '' : `; the budget is ${number(plan.timeBudgetMs / 1000)} s`;
  return [
    folded(
      `${isOver(run) ? 'Not tried' : 'Not tried yet'}: ${number(untried.length)} of ${number(plan.candidates.length)} planned candidates${budget}`,
      rows,
    ),
  ];
}
