import type { PredictionIntervals } from '#contracts';
import { withThreshold, type RowPrediction, type Scorer } from '#scoring';
import type { ServedDeployment } from '../deployments.ts';
import { csvCell } from '#runtime';
import { humilityColumns, humilityOf, type Humility } from './humility.ts';
import { intervalColumns } from './intervals.ts';

/** The parts of a deployment's answers that never change. */
export interface AnswerTemplate {
  readonly served: ServedDeployment;
  /** With the threshold of the deployment. */
  readonly scorer: Scorer;
  readonly intervals: PredictionIntervals | undefined;
  /** Null where the deployment has no rules. */
  readonly humility: Humility | null;
  readonly jsonHead: string;
  /** JSON texts of the labels */
  readonly quoted: readonly string[];
  /** names of the columns of a table of answers, without explanations */
  readonly columns: readonly string[];
  readonly csvLabels: readonly string[];
  /** Shared by answers: it is filled and read within one step, and nothing comes between. */
  readonly prediction: RowPrediction;
  /** The same for explained rows. @throws NOT_AVAILABLE for a model that was trained without covers */
  readonly explained: () => RowPrediction;
}

const templates = new WeakMap<ServedDeployment, AnswerTemplate>();

export function templateOf(served: ServedDeployment): AnswerTemplate {
  let template = templates.get(served);
  if (template !== undefined) return template;
  const { record, artifact } = served;
  const scorer = withThreshold(artifact.scorer, record.settings.threshold);
  const { classes } = scorer.manifest.content;
  const humility = humilityOf(served);
  let explained: RowPrediction | null = null;
  template = {
    served,
    scorer,
    intervals: record.intervals,
    humility,
    jsonHead: `{"deploymentId":${JSON.stringify(record.deploymentId)},"modelId":${JSON.stringify(record.modelId)},"data":[`,
    quoted: classes.map((label) => JSON.stringify(label)),
    columns: [
      'prediction',
      ...intervalColumns(record.intervals),
      ...classes.map((label) => `probability_${label}`),
      ...humilityColumns(humility),
    ],
    csvLabels: classes.map(csvCell),
    prediction: scorer.createPrediction(),
    explained: () => (explained ??= scorer.createPrediction(true)),
  };
  templates.set(served, template);
  return template;
}
