import { createHash } from 'node:crypto';
import { ARTIFACT_FORMAT_VERSION, type Manifest } from '#contracts';
import { openArtifact, packArtifact, type Scorer, type TreeArrays, type UnpackedContent } from '#scoring';
import type { RandomGenerator } from '../unit/prediction/scoring/support.ts';

/** Rows that trees are split on, row-major; columns behind the numeric ones are codes of categories below 64. */
export interface TreeTable {
  readonly values: Float64Array;
  readonly rowCount: number;
  readonly columnCount: number;
  readonly numericCount: number;
  readonly treeCount: number;
  readonly leafCount: number;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Best-first trees: the leaf with most rows is split at the value of one of its rows. */
export function bestFirstTrees(
  { values, rowCount, columnCount, numericCount, treeCount, leafCount }: TreeTable,
  random: RandomGenerator,
): TreeArrays {
  const nodes: { column: number; threshold: number; left: number; right: number }[] = [];
  const bits: number[] = [];
  const covers: number[] = [];
  const boundaries = [0];
  for (let tree = 0; tree < treeCount; tree += 1) {
    const own: typeof nodes = [];
    const rowsOf = [Array.from({ length: 2_000 }, () => random.integer(rowCount))];
    while (rowsOf.length < leafCount) {
      const split = rowsOf.reduce((best, rows, leaf) => (rows.length > (rowsOf[best]?.length ?? 0) ? leaf : best), 0);
      const rows = rowsOf[split] ?? [];
      const column = random.integer(columnCount);
      const pivot = values[random.pick(rows) * columnCount + column] ?? 0;
      const set = Array.from({ length: 2 }, () => random.integer(2 ** 32));
      const goesLeft = (row: number): boolean => {
        const value = values[row * columnCount + column] ?? 0;
        return column < numericCount ? value <= pivot : (((set[value >> 5] ?? 0) >>> (value & 31)) & 1) === 1;
      };
      const left = rows.filter(goesLeft);
      if (left.length === 0 || left.length === rows.length) continue;
      for (const node of own) {
        if (node.left === ~split) node.left = own.length;
        else if (node.right === ~split) node.right = own.length;
      }
      if (column >= numericCount) boundaries.push(bits.push(...set));
      own.push({
        column,
        threshold: column < numericCount ? pivot : boundaries.length - 2,
        left: ~split,
        right: ~rowsOf.length,
      });
      rowsOf[split] = left;
      rowsOf.push(rows.filter((row) => !goesLeft(row)));
    }
    nodes.push(...own);
    covers.push(...rowsOf.map((rows) => rows.length));
  }
  return {
    outputCount: 1,
    treeCount: treeCount,
    averageOutput: false,
    nodeOffset: Int32Array.from({ length: treeCount + 1 }, (_, tree) => tree * (leafCount - 1)),
    leafOffset: Int32Array.from({ length: treeCount + 1 }, (_, tree) => tree * leafCount),
    splitFeature: Int32Array.from(nodes, (node) => node.column),
    threshold: Float64Array.from(nodes, (node) => node.threshold),
    decisionType: Uint8Array.from(nodes, (node) => (node.column < numericCount ? 10 : 1)),
    left: Int32Array.from(nodes, (node) => node.left),
    right: Int32Array.from(nodes, (node) => node.right),
    leafValue: Float64Array.from({ length: treeCount * leafCount }, () => random.next() - 0.5),
    leafCover: Float64Array.from(covers),
    catBoundaries: Int32Array.from(boundaries),
    catBits: Uint32Array.from(bits),
  };
}

/** A model of trees, whose arrays lie under the prefix `m`. */
export function openBench(content: UnpackedContent, arrays: TreeArrays): Scorer {
  const packed = packArtifact(content, new Map([['m', arrays]]), sha256);
  const manifest: Manifest = {
    formatVersion: ARTIFACT_FORMAT_VERSION,
    contentHash: packed.contentHash,
    modelId: 'bench',
    projectId: 'bench',
    blueprintId: 'bench',
    createdAt: '2026-01-01T00:00:00Z',
    seed: 1,
    rowCount: 1,
    parameters: {},
    content: packed.content,
    trainingStatistics: [],
    files: [],
  };
  return openArtifact(manifest, packed.blob, sha256);
}
