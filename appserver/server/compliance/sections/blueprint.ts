import type { Blueprint } from '#contracts';
import type { ReportFacts } from '../facts.ts';
import { code, heading, note, number, paragraph, table, text, type Section } from '../layout.ts';
import { markup, named, names, NOTHING, type Markup } from '../markup.ts';
import { count, figure } from '../numbers.ts';
import { parameterRows, parameterTable } from '../parameter-table.ts';

/** Features of a step that are named, and members of a table, at most. */
const FEATURES_NAMED_MAX = 12;
const MEMBERS_SHOWN_MAX = 40;

/** How a row becomes a prediction: each step of the blueprint, what it became in this model, and all parameters. */
export function blueprint(report: ReportFacts): Section {
  const { blueprint: known, model } = report;
  return {
    id: 'blueprint',
    title: 'Method: blueprint, steps, parameters',
    body: markup`${
      known === null
        ? note(
            markup`This program has no blueprint ${code(model.blueprintId)} any more, so that its description is missing; the steps and parameters below are those of the artefact.`,
          )
        : described(known)
    }${fitted(report)}${members(report)}${parameters(report)}${constraints(report)}${blended(report)}`,
  };
}

function described({ name, description, steps }: Blueprint): Markup {
  return markup`${paragraph(markup`<strong>${named(name)}.</strong> ${description}`)}${table(
    'Steps of the blueprint, in order; steps that have no feature to read have no effect',
    steps,
    [
      text('Step', ({ id }) => code(id)),
      text('Kind', ({ kind }) => code(kind)),
      text('Reads', ({ inputs }) => inputs.join(', ')),
      text('What it does', ({ description: what }) => what),
    ],
  )}`;
}

function fitted({ answer }: ReportFacts): Markup {
  const { steps } = answer.artefact;
  if (steps.length === 0) return paragraph('The artefact has no steps: the model reads no feature.');
  return table('Steps as they were fitted, by kind', steps, [
    text('Kind', ({ kind }) => code(kind)),
    number('Steps', ({ count: stepCount }) => count(stepCount)),
    number('Features', ({ features }) => count(features.length)),
    text('Features read', ({ features }) => names(features, FEATURES_NAMED_MAX)),
  ]);
}

function members({ answer }: ReportFacts): Markup {
  const { members: all, calibration } = answer.artefact;
  const words =
    all.length === 1
      ? 'One member makes the prediction.'
      : `The raw scores of ${count(all.length)} members are blended with these weights, on the link scale.`;
  return markup`${heading('Members of the artefact')}${paragraph(words)}${table(
    'Members',
    all.map((member, index) => ({ ...member, index })),
    [
      number('Member', ({ index }) => count(index + 1)),
      text('Kind', ({ kind }) => kind),
      number('Weight', ({ weight }) => figure(weight, 4)),
      number('Outputs', ({ outputCount }) => count(outputCount)),
      number('Trees', ({ treeCount }) => count(treeCount)),
      number('Steps read', ({ stepCount }) => count(stepCount)),
    ],
    MEMBERS_SHOWN_MAX,
  )}${
    calibration === null
      ? NOTHING
      : paragraph(
          `The blended log odds are calibrated (Platt): ${figure(calibration.slope)} × log odds + ${figure(calibration.intercept)}.`,
        )
  }`;
}

function parameters({ blueprint: known, model, answer }: ReportFacts): Markup {
  const rows = parameterRows({
    defaults: known?.parameters ?? {},
    asked: model.parameters,
    used: answer.artefact.parameters,
  });
  return markup`${heading('Parameters')}${parameterTable(rows, model.blueprintId)}${
    model.iterations === null
      ? NOTHING
      : paragraph(
          `Kept of the fit: ${count(model.iterations)} iterations (of boosting, trees of a forest, or steps of a path of penalties).`,
        )
  }`;
}

/** The blueprints of the models that an ensemble blends, each once, with the parameters of each model. */
function blended({ blended: all }: ReportFacts): Markup {
  if (all.length === 0) return NOTHING;
  const known = new Map(all.flatMap(({ blueprint: one }) => (one === null ? [] : [[one.id, one] as const])));
  return markup`${heading('Blueprints of the models that are blended')}${[...known.values()].map(described)}${all.map(
    ({ modelId, name, blueprint: one, parameters: asked }) => {
      const defaults = one?.parameters ?? {};
      const rows = parameterRows({ defaults, asked, used: { ...defaults, ...asked } });
      return markup`${paragraph(markup`<strong>${named(name)}</strong> (${code(modelId)})`)}${parameterTable(rows, one?.id ?? '')}`;
    },
  )}`;
}

function constraints({ task }: ReportFacts): Markup {
  const { increasing, decreasing } = task.monotonic;
  if (increasing.length + decreasing.length === 0) return paragraph('No monotonic constraints were asked for.');
  const part = (words: string, features: readonly string[]): Markup =>
    features.length === 0
      ? NOTHING
      : markup`Predictions never ${words} as these grow: ${names(features, FEATURES_NAMED_MAX)}. `;
  return markup`${heading('Monotonic constraints')}${paragraph(markup`${part('fall', increasing)}${part('rise', decreasing)}`)}`;
}
