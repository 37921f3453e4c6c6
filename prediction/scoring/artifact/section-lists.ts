import type { ManifestModel, SectionType } from '#contracts';
import type { FactorizationArrays } from '../models/factorization-arrays.ts';
import type { ForestArrays } from '../models/forest-arrays.ts';
import type { LinearArrays } from '../models/linear-arrays.ts';
import type { LinearLeaves } from '../models/linear-leaves.ts';
import type { NetworkArrays } from '../models/network-arrays.ts';
import type { TreeArrays } from '../models/tree-arrays.ts';

/**
 * The arrays of a `trees` model and their element types, in the order in which they are written. `leafCover` came with
 * explanations: artefacts from before them lack it, and programs from before them do not read it.
 */
export const TREE_SECTIONS = [
  ['nodeOffset', 'int32'],
  ['leafOffset', 'int32'],
  ['splitFeature', 'int32'],
  ['threshold', 'float64'],
  ['decisionType', 'uint8'],
  ['left', 'int32'],
  ['right', 'int32'],
  ['leafValue', 'float64'],
  ['catBoundaries', 'int32'],
  ['catBits', 'uint32'],
  ['leafCover', 'float64'],
] as const satisfies readonly (readonly [keyof TreeArrays, SectionType])[];

/** What a `linear-trees` model has beside them. */
export const LINEAR_LEAF_SECTIONS = [
  ['constant', 'float64'],
  ['termOffset', 'int32'],
  ['termColumn', 'int32'],
  ['coefficient', 'float64'],
  ['termMean', 'float64'],
] as const satisfies readonly (readonly [keyof LinearLeaves, SectionType])[];

/** The same of a `linear` model. */
export const LINEAR_SECTIONS = [
  ['intercept', 'float64'],
  ['columnKind', 'uint8'],
  ['pointOffset', 'int32'],
  ['knot', 'float64'],
  ['value', 'float64'],
  ['otherwise', 'float64'],
  ['mean', 'float64'],
] as const satisfies readonly (readonly [keyof LinearArrays, SectionType])[];

/** The same of a `factorization-machine` model. */
export const FACTORIZATION_SECTIONS = [
  ['intercept', 'float64'],
  ['columnField', 'int32'],
  ['columnKind', 'uint8'],
  ['pointOffset', 'int32'],
  ['knot', 'float64'],
  ['value', 'float64'],
  ['otherwise', 'float64'],
  ['mean', 'float64'],
] as const satisfies readonly (readonly [keyof FactorizationArrays, SectionType])[];

/** The same of a `network` model. */
export const NETWORK_SECTIONS = [
  ['intercept', 'float64'],
  ['phase', 'float32'],
  ['inputWeight', 'float32'],
  ['outputWeight', 'float32'],
  ['columnField', 'int32'],
  ['columnSize', 'int32'],
  ['columnKind', 'uint8'],
  ['pointOffset', 'int32'],
  ['knot', 'float64'],
  ['value', 'float32'],
  ['otherwise', 'float32'],
  ['meanCosine', 'float32'],
  ['meanSine', 'float32'],
] as const satisfies readonly (readonly [keyof NetworkArrays, SectionType])[];

/** The same of a `forest` model. */
export const FOREST_SECTIONS = [
  ['prior', 'float64'],
  ['columnKind', 'uint8'],
  ['pointOffset', 'int32'],
  ['point', 'float64'],
  ['otherwiseBin', 'int32'],
  ['nodeOffset', 'int32'],
  ['leafOffset', 'int32'],
  ['node', 'uint32'],
  ['leafValue', 'float32'],
  ['leafShares', 'uint32'],
  ['sharesOffset', 'int32'],
  ['shareClass', 'int32'],
  ['share', 'float32'],
  ['leafCover', 'uint32'],
] as const satisfies readonly (readonly [keyof ForestArrays, SectionType])[];

export type SectionArray = Float64Array | Float32Array | Int32Array | Uint32Array | Uint8Array;

/** The arrays of a model of any kind. */
export type ModelArrays = TreeArrays | LinearArrays | ForestArrays | FactorizationArrays | NetworkArrays;

/** A model whose arrays lie in the blob. */
export type StoredModel = Exclude<ManifestModel, { kind: 'constant' }>;

/** An array of a model before it is there. */
export interface SectionShape {
  readonly field: string;
  readonly type: SectionType;
  /** In elements. */
  readonly length: number;
}

const SECTIONS_OF: Readonly<Record<StoredModel['kind'], readonly (readonly [string, SectionType])[]>> = {
  trees: TREE_SECTIONS,
  'linear-trees': [...TREE_SECTIONS, ...LINEAR_LEAF_SECTIONS],
  linear: LINEAR_SECTIONS,
  forest: FOREST_SECTIONS,
  'factorization-machine': FACTORIZATION_SECTIONS,
  network: NETWORK_SECTIONS,
};

/** The arrays that a model of an artefact has, in the order in which they are written; told by the manifest alone. */
export const storedShapes = (
  { kind, prefix }: StoredModel,
  sections: ReadonlyMap<string, Pick<SectionShape, 'length'>>,
): SectionShape[] =>
  SECTIONS_OF[kind].flatMap(([field, type]) => {
    const found = sections.get(`${prefix}.${field}`);
    return found === undefined ? [] : [{ field, type, length: found.length }];
  });

/** The arrays that a model has with their names and types, in the order in which they are written. */
export function namedArrays(
  model: ModelArrays,
): { readonly field: string; readonly type: SectionType; readonly array: SectionArray }[] {
  return sectionsOf(model).flatMap(({ field, type, array }) => (array === null ? [] : [{ field, type, array }]));
}

/** The same before they are there. */
export const shapesOf = (model: ModelArrays): SectionShape[] =>
  namedArrays(model).map(({ field, type, array: { length } }) => ({ field, type, length }));

function sectionsOf(model: ModelArrays): { field: string; type: SectionType; array: SectionArray | null }[] {
  if ('priorVotes' in model) return FOREST_SECTIONS.map(([field, type]) => ({ field, type, array: model[field] }));
  if ('unitCount' in model) return NETWORK_SECTIONS.map(([field, type]) => ({ field, type, array: model[field] }));
  if ('rank' in model) return FACTORIZATION_SECTIONS.map(([field, type]) => ({ field, type, array: model[field] }));
  if (!('treeCount' in model)) return LINEAR_SECTIONS.map(([field, type]) => ({ field, type, array: model[field] }));
  const { linear } = model;
  return [
    ...TREE_SECTIONS.map(([field, type]) => ({ field, type, array: model[field] })),
    ...(linear === undefined
      ? []
      : LINEAR_LEAF_SECTIONS.map(([field, type]) => ({ field, type, array: linear[field] }))),
  ];
}
