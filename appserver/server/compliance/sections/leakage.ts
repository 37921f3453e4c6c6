import type { DuplicateFacts, GroupFinding, LeakageFacts, LeftOut } from '#contracts';
import type { ReportFacts } from '../facts.ts';
import { heading, note, number, paragraph, table, text } from '../layout.ts';
import { markup, named, names, NOTHING, type Markup } from '../markup.ts';
import { count, figure, percent } from '../numbers.ts';

const INHERITED_SHOWN_MAX = 100;
const FINDINGS_SHOWN_MAX = 30;
const MESSAGE_CHARACTERS_MAX = 300;

/** What the search for target leakage found, or why there was none. */
export function leakage({ run, model }: ReportFacts): Markup {
  if (run === null) {
    const inherited = model.excludedForLeakage;
    return inherited.length === 0
      ? NOTHING
      : markup`${heading('Target leakage')}${paragraph(markup`Left out as the project’s latest run had found it: ${names(inherited, INHERITED_SHOWN_MAX)}.`)}`;
  }
  const { plan, leakage: found } = run;
  const body =
    plan.leakage === undefined
      ? note(
          'The run did not look for target leakage: it was made by a version of the program before that search, or replays one.',
        )
      : plan.leakage.skipped !== null
        ? note(markup`Target leakage was not looked for: ${named(plan.leakage.skipped, MESSAGE_CHARACTERS_MAX)}.`)
        : found === null
          ? note('The search for target leakage gave no result.')
          : findings(found, plan.leakage.excludes);
  return markup`${heading('Target leakage')}${body}`;
}

function findings(found: LeakageFacts, excludes: boolean): Markup {
  const { rowCount, pairRowCount, pairCount, findings: all, duplicates, groups = [] } = found;
  const missed = found.leftOut === undefined ? NOTHING : leftOutOf(found.leftOut);
  if (rowCount === 0) return markup`${note('There were too few rows to look for target leakage.')}${missed}`;
  const how = paragraph(
    `Before any model read features, ${count(rowCount)} rows outside the holdout were looked at for what single features tell of the target, and ${count(pairRowCount)} rows for ${count(pairCount)} pairs of features. ${excludes ? 'Features of high risk were left out of all models.' : 'The features were asked for by name, so nothing was left out.'} What is found is a suspicion, not a proof.`,
  );
  const copies = duplicates?.isCopied === true ? copiesOf(duplicates) : NOTHING;
  if (all.length === 0 && copies === NOTHING && groups.length === 0)
    return markup`${how}${paragraph('Nothing was found.')}${missed}`;
  return markup`${how}${all.length === 0 ? NOTHING : features(all)}${copies}${groups.length === 0 ? NOTHING : groupsOf(groups)}${missed}`;
}

const features = (all: LeakageFacts['findings']): Markup =>
  table(
    'Found',
    all,
    [
      text('Features', (finding) => names(finding.features, 2)),
      text('Risk', ({ risk }) => risk),
      text('By', ({ by }) => by),
      number('Score, 1 is perfect', ({ score }) => figure(score, 4)),
    ],
    FINDINGS_SHOWN_MAX,
  );

function copiesOf({ rowCount, twinCount, noise, validation, holdout, expectedShare }: DuplicateFacts): Markup {
  const about = noise === 0 ? '' : ` (± ${percent(noise)})`;
  return note(
    `Scores promise more than new rows will get: ${count(twinCount)} of ${count(rowCount)} rows, ${percent(twinCount / rowCount)}${about}, have an equal one, where chance would give ${percent(expectedShare)}. ${percent(validation.twinCount / validation.rowCount)} of the validation rows and ${percent(holdout.twinCount / holdout.rowCount)} of the holdout equal a row that was trained on. Partitions with duplicates together would part none of them.`,
  );
}

const groupsOf = (groups: readonly GroupFinding[]): Markup =>
  markup`${table('Columns that name groups, whose other rows tell the target', groups, [
    text('Column', ({ column }) => named(column)),
    number('Groups', ({ groupCount }) => count(groupCount)),
    number('Score, 1 is perfect', ({ score }) => figure(score, 4)),
    number('By chance', ({ chance }) => figure(chance, 4)),
    number('Validation rows of groups that were trained on', ({ seenShare }) => percent(seenShare)),
  ])}${note('Where new rows are of new groups, scores promise too much: partition by the group then.')}`;

const leftOutOf = ({ rowCount, featureCount, groupColumnCount, pairCount, duplicates }: LeftOut): Markup =>
  note(
    `The search for target leakage was out of time. Not looked at: ${count(rowCount)} rows, ${count(featureCount)} features, ${count(groupColumnCount)} columns of groups, ${count(pairCount)} pairs${duplicates ? ', and equal rows' : ''}.`,
  );
