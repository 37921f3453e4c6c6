import type { TrainTask } from '#contracts';
import { isText, type Sha256Function } from '#scoring';
import { placeColumnsOf } from '../../blueprints/places.ts';
import { FEATURE_STEP_KINDS, type Reading } from '../../blueprints/reading.ts';
import type { EncodingSettings } from '../../blueprints/settings.ts';
import type { TaskFeature } from '../task-columns.ts';
import { digestOf } from './digest.ts';

/** Of what is kept, and of how it is found from a table. */
const FACTS_FORMAT = 2;

/** Fields of a task that say what its model is called and judged by, and how it is boosted: they decide nothing about its features. */
const OTHER_FIELDS: ReadonlySet<string> = new Set<keyof TrainTask>([
  ...(['modelId', 'projectId', 'datasetId', 'blueprintId', 'parameters', 'featureSteps', 'metric'] as const),
  ...(['threadCount', 'stops', 'findsLeakage', 'leakageSearch', 'refit', 'ranks'] as const),
]);

/** What decides about the facts of a task's features. */
export interface FactsTask {
  readonly task: TrainTask;
  readonly reading: Reading;
  readonly settings: Pick<EncodingSettings, 'categories' | 'categoryCounts' | 'textComponents'>;
  readonly features: readonly TaskFeature[];
}

/** Whether models of texts are fitted, which know the target, the metric's objective and the time. */
export const readsTexts = ({ reading, features }: Pick<FactsTask, 'reading' | 'features'>): boolean =>
  reading.analyses.length > 0 && features.some(({ manifest }) => isText(manifest));

/**
 * The digest of all that decides what a survey of a table finds and which rows its bins are found from: the task but for some
 * fields (a new field decides, until somebody says that it does not), and what its blueprint reads.
 */
export function factsKey(facts: FactsTask, program: string, sha256: Sha256Function): string {
  const { task, reading, settings, features } = facts;
  const manifests = features.map(({ manifest }) => manifest);
  const { analyses, dates, uses } = reading;
  return digestOf(
    {
      ...{ format: FACTS_FORMAT, program },
      task: Object.fromEntries(Object.entries(task).filter(([name]) => !OTHER_FIELDS.has(name))),
      isRefit: task.refit !== null,
      reading: { analyses, dates, uses: FEATURE_STEP_KINDS.filter(uses) },
      places: placeColumnsOf(reading, manifests, task.monotonic),
      texts: readsTexts(facts) ? { metric: task.metric, components: settings.textComponents } : null,
      encoding: { categories: settings.categories, categoryCounts: settings.categoryCounts },
    },
    sha256,
  );
}
