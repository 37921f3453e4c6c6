import type { DeploymentRecord } from '#contracts';
import { labelText, sample, type MetricFamily } from './exposition.ts';

/** Counts rows for which humility rules hold, by deployment, rule and action. Rules that are gone keep their counts, as counters do. */
export interface RuleCounts {
  /** @param heldCounts rows of one request, by rule of the record */
  readonly observe: (record: DeploymentRecord, heldCounts: readonly number[]) => void;
  readonly family: () => MetricFamily;
}

export function createRuleCounts(): RuleCounts {
  /** By the text of its labels. */
  const counts = new Map<string, number>();
  return {
    observe: ({ deploymentId, settings }, heldCounts) => {
      for (const [index, { name, then }] of (settings.humility ?? []).entries()) {
        const labels = labelText({ deployment: deploymentId, rule: name, action: then.type });
        counts.set(labels, (counts.get(labels) ?? 0) + (heldCounts[index] ?? 0));
      }
    },
    family: () => ({
      name: 'trainyard_humility_rows_total',
      kind: 'counter',
      help: 'Rows for which a humility rule held, by deployment, rule and action.',
      together: 'sum',
      samples: [...counts].map(([labels, count]) => sample(count, labels)),
    }),
  };
}
