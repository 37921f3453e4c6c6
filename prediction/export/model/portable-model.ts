import {
  AppError,
  type ManifestContent,
  type ManifestFeature,
  type ManifestMember,
  type ManifestStep,
} from '#contracts';
import {
  columnCountOf,
  firstColumnsOf,
  memberColumns,
  stepInputs,
  weighingMembers,
  type LinearArrays,
  type ModelReader,
  type TreeArrays,
} from '#scoring';

/** Steps that another home can apply exactly. */
export type PortableStep = Extract<
  ManifestStep,
  {
    kind: 'numeric' | 'category-codes' | 'category-numbers' | 'category-cross' | 'date-parts' | 'date-difference';
  }
>;

const STEPS: Readonly<Record<ManifestStep['kind'], boolean>> = {
  numeric: true,
  'category-codes': true,
  'category-numbers': true,
  'category-cross': true,
  'date-parts': true,
  'date-difference': true,
  'text-scores': false,
  holidays: false,
  'place-directions': false,
  'place-parts': false,
  'place-cells': false,
  'place-distance': false,
  'series-history': false,
};

/** A step that is used, and its first column in the matrix of all steps. */
export interface PlacedPortableStep {
  readonly step: PortableStep;
  readonly firstColumn: number;
}

/** The arrays of a member; `columns` has the matrix column of each of its own. */
export type PortableMember = { readonly weight: number } & (
  | { readonly kind: 'constant'; readonly scores: readonly number[] }
  | { readonly kind: 'trees'; readonly trees: TreeArrays; readonly columns: Int32Array }
  | { readonly kind: 'linear'; readonly linear: LinearArrays; readonly columns: Int32Array }
);

/** A feature that is read, with its index in the content. */
export interface PortableInput {
  readonly index: number;
  readonly feature: ManifestFeature;
}

/** A model that other homes can have: what a generator needs to know of it, and nothing that it could not match. */
export interface PortableModel {
  readonly content: ManifestContent;
  readonly contentHash: string;
  /** In the order of the dataset. */
  readonly inputs: readonly PortableInput[];
  readonly steps: readonly PlacedPortableStep[];
  readonly columnCount: number;
  /** Those that have a say; blended in this order. */
  readonly members: readonly PortableMember[];
}

/** Nodes of all trees, knots and levels of all columns: beyond, a database or a runtime would choke on the text. */
const PARTS_MAX = 500_000;

/**
 * A model whose steps and members all have a form elsewhere.
 *
 * @param reader the arrays of the models, of an artefact that was opened
 * @throws EXPORT_UNSUPPORTED naming the step or the model that has none
 */
export function portableModel(content: ManifestContent, contentHash: string, reader: ModelReader): PortableModel {
  const columns = memberColumns(content);
  const placed = content.members.map((member, index) => ({
    ...member,
    index,
    columns: columns[index] ?? new Int32Array(0),
  }));
  const weighing = weighingMembers(placed);
  const used = new Set([
    ...weighing.flatMap((member) => member.steps),
    ...(content.offsets ?? []).map(({ step }) => step),
  ]);
  const firstColumns = firstColumnsOf(content.steps);
  const steps = content.steps.flatMap((step, index) =>
    used.has(index) ? [{ step: portableStep(content, step, index), firstColumn: firstColumns[index] ?? 0 }] : [],
  );
  const read = new Set(steps.flatMap(({ step }) => stepInputs(step)));
  const members = weighing.map((member) => portableMember(member, reader));
  const model = {
    content,
    contentHash,
    inputs: content.features.flatMap((feature, index) => (read.has(index) ? [{ index, feature }] : [])),
    steps,
    columnCount: columnCountOf(content.steps),
    members,
  };
  checkSize(model);
  return model;
}

/** The error for what has no form elsewhere. */
export const unsupported = (what: string): AppError =>
  new AppError('EXPORT_UNSUPPORTED', `${what}; predict with a deployment or a batch instead`, {
    errors: [{ path: 'model', message: what }],
  });

function portableStep({ features }: ManifestContent, step: ManifestStep, index: number): PortableStep {
  if (isPortable(step)) return step;
  const names = stepInputs(step).map((input) => JSON.stringify(features[input]?.name ?? ''));
  throw unsupported(`step ${index} (${step.kind} of ${names.join(' and ')}) has no equal outside of Trainyard`);
}

const isPortable = (step: ManifestStep): step is PortableStep => STEPS[step.kind];

function portableMember(
  { model, weight, index, columns }: ManifestMember & { readonly index: number; readonly columns: Int32Array },
  reader: ModelReader,
): PortableMember {
  switch (model.kind) {
    case 'constant':
      return { kind: 'constant', weight, scores: model.scores };
    case 'trees':
      return { kind: 'trees', weight, trees: reader.trees(model), columns };
    case 'linear':
      return { kind: 'linear', weight, linear: reader.linear(model), columns };
    case 'linear-trees':
    case 'forest':
    case 'factorization-machine':
    case 'network':
      throw unsupported(`member ${index} (${model.kind}) has no equal outside of Trainyard`);
  }
}

function checkSize({ members, steps }: PortableModel): void {
  let parts = 0;
  for (const member of members) {
    if (member.kind === 'trees') parts += member.trees.splitFeature.length;
    if (member.kind === 'linear') parts += member.linear.value.length;
  }
  for (const { step } of steps) {
    if (step.kind === 'category-codes' || step.kind === 'category-numbers') parts += step.keys.length;
    if (step.kind === 'category-cross') parts += step.codes.length;
  }
  if (parts > PARTS_MAX)
    throw unsupported(`the model has ${parts} nodes, knots and levels, expected ${PARTS_MAX} at most`);
}
