import type { TreeArrays } from '#scoring';
import { leafOf, rootOf, treePart, type TreeTest } from '../model/tree-tests.ts';
import type { SqlDialect } from './dialect.ts';
import { sqlOf, type Sql, type SqlLayers } from './layers.ts';

/** Trees that are added up in one expression: a longer one would be too deep for parsers. */
const TREES_A_SUM = 50;

/** Raw scores of trees: nested conditions, added in tree order, so that sums are the same to the last bit. */
export function sqlTrees(
  trees: TreeArrays,
  columns: Int32Array,
  matrix: ReadonlyMap<number, Sql>,
  dialect: SqlDialect,
  { keep }: SqlLayers,
): Sql[] {
  const { outputCount, treeCount, averageOutput, leafValue } = trees;
  const used = [...matrix.values()];
  const textOf = (tree: number, child: number): string => {
    if (child < 0) return dialect.number(leafValue[leafOf(trees, tree, child)] ?? NaN);
    const { test, left, right } = treePart(trees, tree, child, columns);
    return `CASE WHEN ${testOf(test, matrix, dialect)} THEN ${textOf(tree, left)} ELSE ${textOf(tree, right)} END`;
  };
  return Array.from({ length: outputCount }, (_, output) => {
    let sum: Sql = { text: dialect.number(0), layer: 0 };
    for (let first = output; first < treeCount; first += TREES_A_SUM * outputCount) {
      const terms: string[] = [sum.text];
      for (let at = 0; at < TREES_A_SUM && first + at * outputCount < treeCount; at += 1) {
        const tree = first + at * outputCount;
        terms.push(textOf(tree, rootOf(trees, tree, columns)));
      }
      sum = keep(sqlOf(terms.join('\n    + '), [sum, ...used]));
    }
    const count = Math.max(1, treeCount / outputCount);
    return averageOutput && count !== 1 ? sqlOf(`(${sum.text} / ${dialect.number(count)})`, [sum]) : sum;
  });
}

/** A comparison with null is not true, so what is missing fails it. */
function testOf(test: TreeTest, matrix: ReadonlyMap<number, Sql>, dialect: SqlDialect): string {
  const name = matrix.get(test.column)?.text ?? dialect.asNumber('NULL');
  if (test.kind === 'among') return `${name} IN (${test.codes.map(dialect.number).join(', ')})`;
  const isAtMost = `${name} <= ${dialect.number(test.limit)}`;
  return test.isMissingLeft ? `${isAtMost} OR ${name} IS NULL` : isAtMost;
}
