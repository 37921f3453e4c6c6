import { CHECK_STATES, type CheckState, type Finding } from './check.ts';

/** What one look at one node found. */
export interface OnNode {
  readonly node: string;
  readonly finding: Finding;
}

const NAMES_MAX = 5;
/** The worst first. */
const BY_WEIGHT: readonly CheckState[] = ['problem', 'warning', 'skipped', 'ok'];

/**
 * One finding of what several nodes are like: the worst, how many nodes it is of, and how many of all were looked at, since
 * nodes of one cluster may be set up differently. `found` of a node does not name it.
 *
 * @param total nodes that run
 */
export function acrossNodes(looks: readonly OnNode[], total: number): Finding {
  const worst = BY_WEIGHT.find((state) => looks.some(({ finding }) => finding.state === state)) ?? 'skipped';
  const groups = new Map<string, OnNode[]>();
  for (const look of looks) {
    const group = groups.get(look.finding.found) ?? [];
    groups.set(look.finding.found, [...group, look]);
  }
  const lookedAt = `${looks.length} of ${total} ${total === 1 ? 'node' : 'nodes'} looked at`;
  const sorted = [...groups].toSorted(([, [a]], [, [b]]) => weightOf(a) - weightOf(b));
  const texts = sorted.map(([found, group]) => (groups.size === 1 ? found : `${found} (${namesOf(group)})`));
  const remedy = looks.find(({ finding }) => finding.state === worst)?.finding.remedy ?? '';
  return { state: worst, found: `${texts.join('; ')}; ${lookedAt}`, remedy };
}

const weightOf = (look: OnNode | undefined): number =>
  look === undefined ? CHECK_STATES.length : BY_WEIGHT.indexOf(look.finding.state);

/** `n1, n2 and 3 more`. */
function namesOf(looks: readonly OnNode[]): string {
  const names = looks.map(({ node }) => node).slice(0, NAMES_MAX);
  const more = looks.length - names.length;
  return more === 0 ? names.join(', ') : `${names.join(', ')} and ${more} more`;
}
