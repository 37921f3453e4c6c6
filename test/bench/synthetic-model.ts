import type { UnpackedContent } from '#scoring';

/** The model that the scoring and serving benches predict with: 100 trees of 31 leaves over 14 features, 8 categorical. */
export const TREES = 100;
export const LEAVES = 31;
export const NUMERIC = 6;
/** Levels of each categorical feature. */
export const CATEGORIES = [9, 16, 7, 15, 6, 5, 2, 42];
export const COLUMNS = NUMERIC + CATEGORIES.length;

/** Its content; the trees are each bench's own, under the prefix `m`. */
export function benchContent(): UnpackedContent {
  const columns = Array.from({ length: COLUMNS }, (_, column) => column);
  const nullMarkers = ['NA', ''];
  return {
    targetType: 'binary',
    target: 'y',
    classes: ['no', 'yes'],
    positiveClass: 1,
    threshold: null,
    link: 'logit',
    features: columns.map((column) =>
      column < NUMERIC
        ? { name: `number_${column}`, type: 'numeric', parse: { kind: 'number', nullMarkers } }
        : {
            name: `category_${column}`,
            type: 'categorical',
            parse: { kind: 'category', keyRule: 'text', nullMarkers },
          },
    ),
    steps: columns.map((column) => {
      if (column < NUMERIC) return { kind: 'numeric', feature: column };
      const keys = Array.from({ length: CATEGORIES[column - NUMERIC] ?? 0 }, (_, code) => `value ${code}`);
      return { kind: 'category-codes', feature: column, keys, missingCode: null };
    }),
    members: [
      {
        weight: 1,
        steps: columns,
        model: { kind: 'trees', prefix: 'm', outputCount: 1, treeCount: TREES, averageOutput: false },
      },
    ],
  };
}
