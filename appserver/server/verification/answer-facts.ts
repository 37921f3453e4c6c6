import type { Insight, ModelComparison } from '#contracts';

/** Facts of an insight that its model does not say. */
export type InsightFacts = Omit<Insight, 'modelId' | 'predictedBy'>;

/** Facts of a comparison that do not say whose it is. */
export type ComparisonFacts = Omit<ModelComparison, 'modelId' | 'otherId' | 'predictedBy'>;
