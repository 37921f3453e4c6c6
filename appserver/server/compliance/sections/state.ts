import type { ReportFacts } from '../facts.ts';
import { code, facts, heading, list, paragraph, table, text, type Section } from '../layout.ts';
import { markup, type Markup } from '../markup.ts';
import { instant } from '../numbers.ts';

/** What this report rests on that can still change, so that two reports of one model can be told apart. */
export function state({ insights, project, run, model, answer }: ReportFacts, stateHash: string): Section {
  return {
    id: 'state',
    title: 'State of this report',
    body: markup`${paragraph('The same state gives the same bytes: at every request, on every app server, on either database, after a restart or a restored backup. No time of asking, user, host or language is in it. Two reports of one model with the same hash of the state are the same report.')}${facts(
      [
        ['SHA-256 of the state', code(stateHash)],
        ['Run', run === null ? 'none' : run.state],
        [
          'Holdout',
          project.holdoutUnlockedAt === null ? 'locked, or none' : `unlocked at ${instant(project.holdoutUnlockedAt)}`,
        ],
      ],
    )}${heading('Insights computed by tasks that are in it')}${
      insights.length === 0
        ? paragraph('None.')
        : table('Insights', insights, [
            text('Insight', ({ stored }) => stored.insight.kind),
            text('SHA-256 of its file', ({ sha256 }) => code(sha256)),
          ])
    }${heading('Files of the model')}${table(
      'Files',
      [{ name: 'manifest.json', sha256: model.manifestSha256 }, ...answer.artefact.files],
      [text('File', ({ name }) => code(name)), text('SHA-256', ({ sha256 }) => code(sha256))],
    )}${paragraph('What changes the state, and with it the report:')}${list([
      ...CHANGES,
      markup`the model’s description, and the project’s name and description`,
    ])}${paragraph(markup`What does not: stars, tags, names of users, deployments of the model, runs of other projects. To keep what was judged, keep the file: ${code(`trainyard models report ${model.id} --output FILE`)}.`)}`,
  };
}

const CHANGES: readonly Markup[] = [
  markup`an insight that is computed later (feature impact and effects, segments, learning curve)`,
  markup`the holdout, when it is unlocked`,
  markup`the run, while it is going on: its models, their ranks, its recommendation`,
  markup`a later run of the project, which replaces the sentence of why a model is recommended`,
  markup`the program, where a later version of it writes another format of report`,
];
