import { labelText, sample, type MetricFamily } from '../http/metrics/exposition.ts';

/** What has become of a row that a challenger was to predict. */
export type ShadowOutcome = 'predicted' | 'failed' | 'dropped';

/** Counts rows of challengers. */
export interface ShadowCounts {
  readonly add: (deploymentId: string, modelId: string, outcome: ShadowOutcome, rowCount: number) => void;
  readonly family: () => MetricFamily;
}

export function createShadowCounts(): ShadowCounts {
  /** By the text of its labels. */
  const counts = new Map<string, number>();
  return {
    add: (deployment, model, outcome, rowCount) => {
      const labels = labelText({ deployment, model, outcome });
      counts.set(labels, (counts.get(labels) ?? 0) + rowCount);
    },
    family: () => ({
      name: 'trainyard_challenger_rows_total',
      kind: 'counter',
      help: 'Rows that challengers were to predict, by deployment, model and outcome.',
      together: 'sum',
      samples: [...counts].map(([labels, count]) => sample(count, labels)),
    }),
  };
}
