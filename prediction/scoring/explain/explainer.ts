import { AppError, type ManifestContent, type ManifestModel } from '#contracts';
import { outputCountOf } from '../models/link.ts';
import { memberColumns } from '../scorer/member-columns.ts';
import type { ModelReader } from '../scorer/members.ts';
import { UNCALIBRATED, calibrate } from '../scorer/calibration.ts';
import { compileOffsets, offsetOf } from '../scorer/offsets.ts';
import { stepColumnCount } from '../steps/steps.ts';
import type { Contributions, FeaturePlaces } from './contributions.ts';
import { compileFactorizationContributions } from './factorization-contributions.ts';
import { EXPLANATION_STEPS_MAX, compileForestContributions, type StepBudget } from './forest-contributions.ts';
import { compileLinearLeafContributions } from './linear-leaf-contributions.ts';
import { compileLinearContributions } from './linear-contributions.ts';
import { compileNetworkContributions } from './network-contributions.ts';
import { compileTreeContributions } from './tree-contributions.ts';

/** Contributions of a model's input features to its raw scores. Not re-entrant. */
export interface Explainer {
  /** Names of the features, in the order of contributions. */
  readonly features: readonly string[];
  /** By output: the raw score before anything is known of the row. */
  readonly baseValues: Float64Array;
  /** Writes the contributions of one encoded row: `out` is outputs x features. */
  explain(values: Float64Array, base: number, out: Float64Array): void;
}

/**
 * Explains a whole model: what members say is blended with their weights, as their raw scores are, and columns are
 * summed into the feature that they were made of. Base value plus contributions is the raw score but for rounding, within
 * 1e-12 of the sum of their magnitudes. An offset contributes what it is more than on average;
 * a calibration stretches what all others contribute.
 *
 * @param inputs the features that contributions are of, by index into the content's features
 * @throws NOT_AVAILABLE for trees without covers, and for forests, linear leaves and networks whose rows would take too long
 */
export function compileExplainer(content: ManifestContent, inputs: readonly number[], reader: ModelReader): Explainer {
  const outputCount = outputCountOf(content);
  const places = featurePlaces(content, inputs);
  const columns = memberColumns(content);
  const budget = { left: EXPLANATION_STEPS_MAX };
  const members = content.members.map(({ weight, model }, index) => ({
    weight,
    ...memberContributions(model, columns[index] ?? new Int32Array(0), places, reader, budget),
  }));
  const { slope } = content.calibration ?? UNCALIBRATED;
  const baseValues = new Float64Array(outputCount);
  for (const member of members)
    for (let i = 0; i < outputCount; i += 1)
      baseValues[i] = (baseValues[i] ?? 0) + member.weight * (member.baseValues[i] ?? NaN);
  calibrate(content.calibration, baseValues, 0, outputCount);
  const offsets = (compileOffsets(content)?.columns ?? []).map((offset) => ({
    ...offset,
    place: inputs.indexOf(offset.feature),
  }));
  for (const { mean } of offsets) baseValues[0] = (baseValues[0] ?? NaN) + mean;
  return {
    features: inputs.map((index) => content.features[index]?.name ?? ''),
    baseValues,
    explain: (values, base, out) => {
      out.fill(0, 0, outputCount * places.count);
      for (const { weight, add } of members) add(values, base, slope * weight, out);
      for (const { kind, column, mean, place } of offsets)
        out[place] = (out[place] ?? NaN) + offsetOf(kind, values[base + column] ?? NaN) - mean;
    },
  };
}

/** The place of each matrix column's feature among the inputs. */
function featurePlaces({ steps }: ManifestContent, inputs: readonly number[]): FeaturePlaces {
  const placeOf = new Map(inputs.map((feature, place) => [feature, place]));
  const ofColumn = steps.flatMap((step) =>
    Array.from({ length: stepColumnCount(step) }, () => placeOf.get(step.feature) ?? 0),
  );
  return { ofColumn: Int32Array.from(ofColumn), count: inputs.length };
}

function memberContributions(
  model: ManifestModel,
  columns: Int32Array,
  places: FeaturePlaces,
  reader: ModelReader,
  budget: StepBudget,
): Contributions {
  switch (model.kind) {
    case 'constant':
      // It is its own mean, and no feature has a part in it.
      return { baseValues: Float64Array.from(model.scores), add: () => undefined };
    case 'trees':
      return compileTreeContributions(reader.trees(model), columns, places);
    case 'linear-trees': {
      const trees = reader.trees(model);
      const { linear } = trees;
      if (linear === undefined) throw new AppError('ARTIFACT_INVALID', `model ${model.prefix} has no linear leaves`);
      return compileLinearLeafContributions({ ...trees, linear }, columns, places, budget);
    }
    case 'linear':
      return compileLinearContributions(reader.linear(model), columns, places);
    case 'forest':
      return compileForestContributions(reader.forest(model), columns, places, budget);
    case 'factorization-machine':
      return compileFactorizationContributions(reader.factorization(model), columns, places);
    case 'network':
      return compileNetworkContributions(reader.network(model), columns, places, budget);
  }
}
