import type { EnsembleFacts } from '#contracts';
import type { ReportFacts } from '../facts.ts';
import { code, facts, number, paragraph, table, text, type Section } from '../layout.ts';
import { markup, named, NOTHING, type Markup } from '../markup.ts';
import { count, figure, withError } from '../numbers.ts';

/** Shifts of outputs that are told at most. */
const SHIFTS_SHOWN_MAX = 20;

/** Which models are blended, and what that gained. */
export function ensemble(report: ReportFacts): Section {
  const { ensemble: found } = report.model;
  return { id: 'ensemble', title: 'Ensemble', body: found === null ? single(report) : blend(report, found) };
}

function single({ model, run, peers }: ReportFacts): Markup {
  const blended = peers.find(({ role, state }) => role === 'ensemble' && state === 'ready');
  // Beside a model that was fitted by hand stand those of all runs.
  const made =
    run === null
      ? NOTHING
      : blended === undefined
        ? markup` The run made no ensemble.`
        : markup` The run made an ensemble, ${code(blended.modelId)}; see the board of models.`;
  return paragraph(
    markup`This model blends no other models${model.role === 'refit' ? ' (its members, if several, are copies that are averaged)' : ''}.${made}`,
  );
}

function blend(report: ReportFacts, found: EnsembleFacts): Markup {
  const known = new Map(report.peers.map((peer) => [peer.modelId, peer]));
  return markup`${paragraph('A weighted sum of raw scores on the link scale; weights by greedy selection with replacement on out-of-fold predictions (Caruana, Niculescu-Mizil, Crew, Ksikes 2004), from which a stacked layer may have gone on. Each held-back row is predicted with weights that were chosen without its fold, so the score is not flattered by their choice.')}${table(
    'Members',
    found.members,
    [
      text(
        'Model',
        ({ modelId }) => markup`${named(known.get(modelId)?.name ?? 'of another run')}<br>${code(modelId)}`,
      ),
      text('Blueprint', ({ modelId }) => code(known.get(modelId)?.blueprintId ?? '')),
      number('Weight', ({ weight }) => figure(weight, 4)),
      number(report.project.metric, ({ modelId }) => figure(known.get(modelId)?.score)),
    ],
  )}${facts([
    [
      'Gain on the best single model',
      found.gain === null ? 'not computed of a refit; see its twin' : withError(found.gain, found.noise),
    ],
    ['Stacked layer', layerWords(found.layer)],
    ['Rows that chose the weights', count(found.selectionRowCount)],
  ])}`;
}

function layerWords(layer: EnsembleFacts['layer']): string {
  if (layer === undefined) return 'none: greedy weights, which add up to 1';
  const { shifts, penalty } = layer;
  const told = shifts.slice(0, SHIFTS_SHOWN_MAX).map((shift) => figure(shift, 4));
  const rest = shifts.length > SHIFTS_SHOWN_MAX ? ` and ${count(shifts.length - SHIFTS_SHOWN_MAX)} more` : '';
  return `penalty ${figure(penalty, 3)}; added to raw scores: ${shifts.length === 0 ? 'nothing' : told.join(', ')}${rest}`;
}
