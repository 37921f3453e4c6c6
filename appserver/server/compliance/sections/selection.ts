import { directionWords, rankedPart, rankedPeers, predictingModelId } from '../derived.ts';
import type { PeerFacts, ReportFacts, RunFacts } from '../facts.ts';
import { code, facts, heading, note, number, paragraph, table, text, type Section } from '../layout.ts';
import { markup, named, NOTHING, type Markup } from '../markup.ts';
import { count, figure, instant, percent } from '../numbers.ts';

/** Rows of the section's tables at most. */
const PEERS_SHOWN_MAX = 25;
const LEFT_OUT_SHOWN_MAX = 40;
const REASON_CHARACTERS_MAX = 2_000;

/** How this model came to be among others, and whether it is the one that is recommended. */
export function selection(report: ReportFacts): Section {
  const { run } = report;
  return {
    id: 'selection',
    title: 'How the model was chosen',
    body: markup`${
      run === null
        ? paragraph(
            'The model was fitted by hand, not by a run of Autopilot. It stands beside the models of its project that were ordered before it.',
          )
        : runOf(run, report)
    }${board(report)}${run === null ? NOTHING : markup`${untried(run)}${leftOut(run)}`}`,
  };
}

const MODES: Readonly<Record<RunFacts['plan']['mode'], string>> = {
  quick: 'quick: a short list, best expected value first',
  full: 'full: the portfolio and seeded variations',
  manual: 'manual: what was named, and nothing else',
};

function runOf(run: RunFacts, { model, peers }: ReportFacts): Markup {
  const { plan } = run;
  const countOf = (state: string): number => peers.filter((peer) => peer.state === state).length;
  return markup`${facts([
    ['Run', markup`${code(run.id)}, ${run.state}`],
    ['Began', instant(run.startedAt)],
    ['Ended', run.finishedAt === null ? 'is going on: what follows is as it is now' : instant(run.finishedAt)],
    ['Mode', MODES[plan.mode]],
    [
      'Time budget',
      plan.timeBudgetMs === null
        ? 'none: no measured time entered any decision'
        : `${count(plan.timeBudgetMs / 1000)} s, refit and ensemble included`,
    ],
    ['Models at most', plan.maxModels === null ? 'no limit' : count(plan.maxModels)],
    [
      'Candidates planned',
      `${count(plan.candidates.length)}${run.untried.length === 0 ? '' : `, of which ${count(run.untried.length)} ${run.untried.length === 1 ? 'was' : 'were'} not begun`}`,
    ],
    [
      'Models',
      `${count(countOf('ready'))} trained, ${count(countOf('failed'))} failed, ${count(countOf('cancelled'))} cancelled, ${count(countOf('training'))} in training`,
    ],
    plan.replay === undefined
      ? null
      : ['Replay of', markup`run ${code(plan.replay.runId)} of project ${code(plan.replay.projectId)}`],
  ])}${recommended(run, model.id)}`;
}

function recommended(run: RunFacts, modelId: string): Markup {
  const isOwn = run.recommendedModelId === modelId;
  if (run.recommendedModelId === null) return note('The run has not recommended a model.');
  const verdict = isOwn
    ? markup`<strong>This model is the one that its run recommends.</strong>`
    : markup`This model is not the one that its run recommends; that is ${code(run.recommendedModelId)}.`;
  const reason =
    run.reason === null
      ? markup` The sentence that gave the reason was replaced by a later run of the project.`
      : markup` Reason: ${named(run.reason, REASON_CHARACTERS_MAX)}`;
  return paragraph(markup`${verdict}${reason}`);
}

function board(report: ReportFacts): Markup {
  const ranked = rankedPeers(report);
  const own = predictingModelId(report);
  const place = ranked.findIndex(({ modelId }) => modelId === own);
  const rows = ranked.map((peer, index) => ({ ...peer, rank: index + 1 }));
  const shown =
    rows.length <= PEERS_SHOWN_MAX || place < PEERS_SHOWN_MAX
      ? rows.slice(0, PEERS_SHOWN_MAX)
      : [...rows.slice(0, PEERS_SHOWN_MAX - 1), ...rows.slice(place, place + 1)];
  const { metric } = report.project;
  const standing =
    place < 0
      ? 'The model is not among those that are ranked.'
      : `${report.model.refitOf === null ? 'The model' : 'The twin of this refit'} is number ${count(place + 1)} of ${count(rows.length)} by ${metric} (${rankedPart(report)}; ${directionWords(report)}).`;
  return markup`${heading('Models beside it, by what they scored')}${paragraph(standing)}${table(
    `Ranked models: ${count(shown.length)} of ${count(rows.length)}`,
    shown,
    [
      number('Rank', ({ rank }) => count(rank)),
      text(
        'Model',
        (peer) =>
          markup`${peer.modelId === own ? markup`<strong>${named(peer.name)}</strong> (${report.model.refitOf === null ? 'this model' : 'its twin'})` : named(peer.name)}<br>${code(peer.modelId)}`,
      ),
      text('Blueprint', ({ blueprintId }) => code(blueprintId)),
      number(metric, ({ score }) => figure(score)),
      number('Rows fitted on', ({ rowCount }) => count(rowCount)),
      number('Sample', ({ sampleFraction }) => percent(sampleFraction)),
      number('Fit, s', ({ fitSeconds }) => figure(fitSeconds, 3)),
    ],
  )}${paragraph('The best of several models owes a part of its score to having been picked by it. An ensemble is held against the best single model with both chosen without the rows that they are compared on.')}${failed(report.peers)}`;
}

function failed(peers: readonly PeerFacts[]): Markup {
  const without = peers.filter(({ state }) => state === 'failed' || state === 'cancelled');
  if (without.length === 0) return NOTHING;
  return table(
    'Tried without a result',
    without,
    [
      text('Model', ({ name }) => named(name)),
      text('Blueprint', ({ blueprintId }) => code(blueprintId)),
      text('State', ({ state }) => state),
      text('Why', ({ reason }) => (reason === null ? '' : named(reason, REASON_CHARACTERS_MAX))),
    ],
    LEFT_OUT_SHOWN_MAX,
  );
}

/** What the plan has, and the run has not come to. */
function untried({ untried: candidates }: RunFacts): Markup {
  if (candidates.length === 0) return NOTHING;
  return table(
    'Candidates that were not begun',
    candidates,
    [
      text('Blueprint', ({ blueprintId }) => code(blueprintId)),
      text('Parameters of its own', ({ parameters }) =>
        Object.entries(parameters)
          .map(([name, value]) => `${name} ${String(value)}`)
          .join(', '),
      ),
    ],
    LEFT_OUT_SHOWN_MAX,
  );
}

function leftOut({ plan }: RunFacts): Markup {
  if (plan.leftOut === undefined || plan.leftOut.length === 0) return NOTHING;
  return table(
    'Blueprints that were not tried',
    plan.leftOut,
    [
      text('Blueprint', ({ blueprintId }) => code(blueprintId)),
      text('Why', ({ reason }) => named(reason, REASON_CHARACTERS_MAX)),
    ],
    LEFT_OUT_SHOWN_MAX,
  );
}
