import { directionWords, rankedPart, rankedPeers, predictingModelId, rankedScore } from './derived.ts';
import type { ReportFacts } from './facts.ts';
import type { Section } from './layout.ts';
import { markup, named, NOTHING, type Markup } from './markup.ts';
import { count, withError } from './numbers.ts';
import { behaviour } from './sections/behaviour.ts';
import { blueprint } from './sections/blueprint.ts';
import { crosswalk } from './sections/crosswalk.ts';
import { data } from './sections/data.ts';
import { ensemble } from './sections/ensemble.ts';
import { groups } from './sections/groups.ts';
import { identity } from './sections/identity.ts';
import { limitations } from './sections/limitations.ts';
import { partitioning } from './sections/partitioning.ts';
import { performance } from './sections/performance.ts';
import { reproduction } from './sections/reproduction.ts';
import { selection } from './sections/selection.ts';
import { state } from './sections/state.ts';
import { use } from './sections/use.ts';
import { STYLE } from './style.ts';

/** Raised with every change of what a report of the same facts looks like. */
export const REPORT_FORMAT_VERSION = 1;

/** A report as it is sent: one file, which asks for nothing and runs nothing. */
export interface RenderedReport {
  readonly html: string;
  /** What a browser must allow of it: its style, and nothing else. */
  readonly contentSecurityPolicy: string;
}

/**
 * The compliance report of a model. A pure function: the same facts give the same bytes.
 *
 * @param stateHash SHA-256 of the canonical JSON of the facts
 * @param styleHash base64 SHA-256 of {@link STYLE}
 */
export function renderReport(facts: ReportFacts, stateHash: string, styleHash: string): RenderedReport {
  const sections = [
    identity(facts),
    use(facts),
    data(facts),
    partitioning(facts),
    blueprint(facts),
    selection(facts),
    performance(facts),
    behaviour(facts),
    groups(facts),
    ensemble(facts),
    limitations(facts),
    reproduction(facts),
    crosswalk(),
    state(facts, stateHash),
  ];
  const policy = `default-src 'none'; style-src 'sha256-${styleHash}'`;
  const { html } = page(facts, sections, { policy, stateHash });
  return { html: `<!doctype html>\n${html}`, contentSecurityPolicy: policy };
}

function page(
  facts: ReportFacts,
  sections: readonly Section[],
  { policy, stateHash }: { readonly policy: string; readonly stateHash: string },
): Markup {
  const style: Markup = { html: STYLE };
  const { model } = facts;
  return markup`<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Trainyard compliance report ${REPORT_FORMAT_VERSION}">
<title>Compliance report: ${model.id}</title>
<style>${style}</style>
</head>
<body>
${head(facts)}<nav aria-label="contents"><ol>
${sections.map(({ id, title }) => markup`<li><a href="#${id}">${title}</a></li>\n`)}</ol></nav>
<main>
${sections.map(
  ({ id, title, body }, index) => markup`<section id="${id}">
<h2>${index + 1}. ${title}</h2>
${body}</section>
`,
)}</main>
<footer>Compliance report, format ${REPORT_FORMAT_VERSION}, of model ${model.id}; state ${stateHash}.</footer>
</body>
</html>
`;
}

function head(facts: ReportFacts): Markup {
  const { model, project, task, run, answer, dataset } = facts;
  const ranked = rankedPeers(facts);
  const rank = ranked.findIndex(({ modelId }) => modelId === predictingModelId(facts)) + 1;
  const key = (value: string, label: string): Markup => markup`<div><b>${value}</b><span>${label}</span></div>`;
  const holdout = model.scores.holdout?.[project.metric];
  const isRecommended = run?.recommendedModelId === model.id;
  return markup`<header>
<p class="status">Compliance report</p>
<h1>${named(model.name)}</h1>
<p>Predicts ${named(task.target.name)} (${task.target.targetType}) from ${count(task.features.length)} features of dataset ${named(dataset.name)}; fitted on ${count(model.rowCount)} rows.${isRecommended ? markup` <strong>Recommended by its run.</strong>` : NOTHING}</p>
<div class="key">${key(withError(rankedScore(facts), answer.predictions.error), `${project.metric}, ${rankedPart(facts)}; ${directionWords(facts)}`)}${
    holdout === undefined
      ? NOTHING
      : key(withError(holdout, answer.predictions.holdoutError), `${project.metric}, holdout`)
  }${rank === 0 ? NOTHING : key(`${rank} of ${ranked.length}`, 'rank among ranked models')}${key(count(dataset.rowCount), 'rows of the dataset')}</div>
</header>
`;
}
