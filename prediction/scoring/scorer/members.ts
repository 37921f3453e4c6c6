import { AppError, type ManifestContent, type ManifestModel } from '#contracts';
import { compileConstant, compileTrees, scoreRows, type CompiledModel } from '../models/compile.ts';
import { BLOCK_ROWS } from '../models/tree-walk.ts';
import { compileFactorization } from '../models/factorization.ts';
import { checkFactorization, type FactorizationArrays } from '../models/factorization-arrays.ts';
import { compileForest } from '../models/forest.ts';
import { checkForest, type ForestArrays } from '../models/forest-arrays.ts';
import { compileLinear } from '../models/linear.ts';
import { checkLinear, type LinearArrays } from '../models/linear-arrays.ts';
import type { TreesModel } from '../artifact/sections.ts';
import { outputCountOf } from '../models/link.ts';
import { compileNetwork } from '../models/network.ts';
import { checkNetwork, type NetworkArrays } from '../models/network-arrays.ts';
import { SCORE_MAX, checkTrees, type TreeArrays } from '../models/tree-arrays.ts';
import { columnCountOf } from '../steps/steps.ts';
import { memberColumns } from './member-columns.ts';

/** Finds the arrays of a model. */
export interface ModelReader {
  readonly trees: (model: TreesModel) => TreeArrays;
  readonly linear: (model: Extract<ManifestModel, { kind: 'linear' }>) => LinearArrays;
  readonly forest: (model: Extract<ManifestModel, { kind: 'forest' }>) => ForestArrays;
  readonly factorization: (model: Extract<ManifestModel, { kind: 'factorization-machine' }>) => FactorizationArrays;
  readonly network: (model: Extract<ManifestModel, { kind: 'network' }>) => NetworkArrays;
}

/** A member of an ensemble, compiled for the matrix of all steps. */
export interface CompiledMember {
  readonly weight: number;
  readonly model: CompiledModel;
}

/**
 * Compiles all members for the matrix whose columns are those of all steps in their order; a member's own column order is
 * translated once, so steps that members share are applied once.
 *
 * @param reader the arrays of the models
 * @throws ARTIFACT_INVALID
 */
export function compileMembers(content: ManifestContent, reader: ModelReader): CompiledMember[] {
  const columnCount = columnCountOf(content.steps);
  const columns = memberColumns(content);
  return content.members.map((member, index) => {
    const model = compileModel(member.model, reader, columnCount, columns[index] ?? new Int32Array(0));
    checkMember(content, index, model.outputCount);
    return { weight: member.weight, model };
  });
}

/**
 * Proves that all members would compile, without compiling any: one after the other, so that of read arrays and shapes those of one
 * are in memory at a time.
 *
 * @throws ARTIFACT_INVALID as `compileMembers`
 */
export function checkMembers(content: ManifestContent, reader: ModelReader): void {
  const columns = memberColumns(content);
  for (const [index, { model }] of content.members.entries())
    checkMember(content, index, checkModel(model, reader, columns[index]?.length ?? 0));
}

/** Proves that a member fits the content. */
function checkMember(content: ManifestContent, index: number, outputCount: number): void {
  const member = content.members[index];
  const fail = (what: string): never => {
    throw new AppError('ARTIFACT_INVALID', `member ${index}: ${what}`);
  };
  if (!(Math.abs(member?.weight ?? NaN) <= SCORE_MAX)) fail(`weight is ${member?.weight ?? 'missing'}`);
  if (member?.model.kind === 'forest' && member.model.link !== content.link)
    fail(`has link ${member.model.link}, expected ${content.link}`);
  const expected = outputCountOf(content);
  if (outputCount !== expected) fail(`has ${outputCount} outputs, expected ${expected}`);
}

/** @returns outputs of the model. @throws ARTIFACT_INVALID */
function checkModel(model: ManifestModel, reader: ModelReader, columnCount: number): number {
  switch (model.kind) {
    case 'constant':
      return compileConstant(model).outputCount;
    case 'trees':
    case 'linear-trees':
      checkTrees(reader.trees(model), columnCount);
      break;
    case 'linear':
      checkLinear(reader.linear(model), columnCount);
      break;
    case 'forest':
      checkForest(reader.forest(model), columnCount);
      break;
    case 'factorization-machine':
      checkFactorization(reader.factorization(model), columnCount);
      break;
    case 'network':
      checkNetwork(reader.network(model), columnCount);
      break;
  }
  return model.outputCount;
}

function compileModel(
  model: ManifestModel,
  reader: ModelReader,
  columnCount: number,
  columns: Int32Array,
): CompiledModel {
  switch (model.kind) {
    case 'constant':
      return compileConstant(model);
    case 'trees':
    case 'linear-trees':
      return compileTrees(reader.trees(model), columnCount, columns);
    case 'linear':
      return compileLinear(reader.linear(model), columnCount, columns);
    case 'forest':
      return compileForest(reader.forest(model), columnCount, columns);
    case 'factorization-machine':
      return compileFactorization(reader.factorization(model), columnCount, columns);
    case 'network':
      return compileNetwork(reader.network(model), columnCount, columns);
  }
}

/** Raw scores of the ensemble for rows of a matrix: `out[at...]` is rows x outputs. */
export type BlendRows = (
  values: Float64Array,
  columnCount: number,
  from: number,
  to: number,
  out: Float64Array,
  at: number,
) => void;

/** Compiles the blend of a content's members: what its raw scores are before calibration and offsets. @throws ARTIFACT_INVALID */
export function compileBlend(content: ManifestContent, reader: ModelReader): BlendRows {
  return blendMembers(compileMembers(content, reader), outputCountOf(content));
}

/** Those that have a say: members of weight 0 have none where there are others. */
export function weighingMembers<M extends { readonly weight: number }>(members: readonly M[]): readonly M[] {
  const weighing = members.filter(({ weight }) => weight !== 0);
  return weighing.length > 0 ? weighing : members;
}

/**
 * Blends members on the raw scale: sum of weight x raw in member order. A single member of weight 1 gives its own raw
 * scores unchanged; members of weight 0 are not asked, where there are others. One member scores a block of rows, then the next one: that decides nothing, every row's sum is its own.
 */
export function blendMembers(all: readonly CompiledMember[], outputCount: number): BlendRows {
  const members = weighingMembers(all);
  const only = members[0];
  if (only !== undefined && members.length === 1 && only.weight === 1) {
    const { model } = only;
    return (values, columnCount, from, to, out, at) =>
      scoreRows(model, { values, columnCount, rowCount: to }, from, to, out, at);
  }
  const raw = new Float64Array(BLOCK_ROWS * outputCount);
  return (values, columnCount, from, to, out, at) => {
    for (let first = from; first < to; first += BLOCK_ROWS) {
      const last = Math.min(to, first + BLOCK_ROWS);
      for (let index = 0; index < members.length; index += 1) {
        const member = members[index];
        if (member === undefined) break;
        const { weight, model } = member;
        scoreRows(model, { values, columnCount, rowCount: to }, first, last, raw);
        const block = at + (first - from) * outputCount;
        for (let i = 0; i < (last - first) * outputCount; i += 1) {
          const share = weight * (raw[i] ?? NaN);
          out[block + i] = index === 0 ? share : (out[block + i] ?? NaN) + share;
        }
      }
    }
  };
}
