import { nullable, strict, Type, type Manifest, type Static } from '#contracts';

/** What a feature's values were in training, as far as live values are counted beside them. */
export const FeatureBaseline = strict({
  name: Type.String(),
  rowCount: Type.Integer({ minimum: 0 }),
  missingCount: Type.Integer({ minimum: 0 }),
  edges: nullable(Type.Array(Type.Number())),
  counts: nullable(Type.Array(Type.Integer())),
  topValues: nullable(Type.Array(strict({ value: Type.String(), count: Type.Integer() }))),
});
export type FeatureBaseline = Static<typeof FeatureBaseline>;

export const Baseline = strict({ features: Type.Array(FeatureBaseline) });
export type Baseline = Static<typeof Baseline>;

export function baselineOf(manifest: Manifest): Baseline {
  return {
    features: manifest.trainingStatistics.flatMap(({ feature, ...statistics }) => {
      const name = manifest.content.features[feature]?.name;
      return name === undefined ? [] : [{ name, ...statistics }];
    }),
  };
}
