import type { MetricName } from '#contracts';
import { objectiveOf, type Objective } from '../../yarn-workers/ml/blueprints/objective.ts';

/** The objective of a target of so many classes (0: a number) for a metric. */
export const objectiveFor = (metric: MetricName, classCount = 0, quantile?: number): Objective =>
  objectiveOf(
    {
      targetType: classCount === 0 ? 'regression' : classCount === 2 ? 'binary' : 'multiclass',
      classes: Array.from({ length: classCount }, (_, index) => ({ label: String(index), texts: [], rowCount: 1 })),
      ...(quantile === undefined ? {} : { quantile }),
    },
    metric,
  );
