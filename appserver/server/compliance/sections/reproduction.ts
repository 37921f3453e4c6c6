import type { ReportFacts } from '../facts.ts';
import { code, facts, heading, note, paragraph, table, text, type Section } from '../layout.ts';
import { markup, named, NOTHING, type Markup } from '../markup.ts';
import { count } from '../numbers.ts';

const STOPS_SHOWN_MAX = 40;

/** What it takes to have the same model again, and to know that it is the same. */
export function reproduction(report: ReportFacts): Section {
  const { model, task, project, run } = report;
  return {
    id: 'reproduction',
    title: 'How to make it again',
    body: markup`${facts([
      ['Dataset', markup`${code(report.dataset.id)}, by the hashes or times of its files in “Data”`],
      ['Seed of the model', String(task.seed)],
      ['Seed of the partitions', String(project.partitioning.seed)],
      ['Threads', `${count(model.threadCount)}; results do not depend on them`],
      ['Expected content hash', code(model.contentHash)],
      ['Version of the program', 'is not recorded in artefacts of this format; keep the release with the model'],
    ])}${
      run === null
        ? paragraph(
            'The model was fitted by hand: the same blueprint, parameters, features and seed on the same dataset give the same content hash.',
          )
        : paragraph(
            markup`${code(`POST /api/v1/projects/${project.id}/autopilot/replay`)} (${code(`trainyard autopilot replay --project ${project.id} --wait`)}) makes all models of the project’s latest run again from what was recorded, without a clock, and compares content hashes.${run.plan.timeBudgetMs === null ? ' The run had no time budget, so that the same request on the same dataset makes the same models too.' : ''}`,
          )
    }${ended(report)}${repeated(report)}`,
  };
}

/** What a refit has of its twin. */
function repeated({ model }: ReportFacts): Markup {
  if (model.refitOf === null) return NOTHING;
  const what =
    model.ensemble !== null
      ? 'weights'
      : model.iterations === null
        ? 'calibration, if it has one'
        : `${count(model.iterations)} iterations, and its calibration if it has one`;
  return paragraph(markup`A refit repeats what its twin ${code(model.refitOf)} had found: its ${what}.`);
}

/** Where the clock ended parts of the fit, as the signed manifest says. */
function ended({ model, answer }: ReportFacts): Markup {
  const stops = answer.artefact.parameters['stoppedAt'];
  if (model.ensemble !== null)
    return paragraph(
      'An ensemble is computed from its models; where a deadline ended the fit of one of these is in that one’s report.',
    );
  if (stops === undefined)
    return note('Where a deadline ended the fit is not recorded: the model is of a program before replays.');
  return stopped(stops);
}

function stopped(stops: unknown): Markup {
  if (typeof stops !== 'object' || stops === null) return NOTHING;
  const entries = Object.entries(stops);
  if (entries.length === 0) return paragraph('No deadline ended any part of the fit.');
  return markup`${heading('Where a deadline ended the fit')}${table(
    'Parts of the fit, and how far each was',
    entries,
    [text('Part', ([part]) => named(part)), text('Steps made', ([, at]) => String(at))],
    STOPS_SHOWN_MAX,
  )}`;
}
