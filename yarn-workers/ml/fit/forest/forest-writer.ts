import { LEFT_LEAF_BIT, RIGHT_LEAF_BIT, type ForestArrays } from '#scoring';

type TreeArraysOfForest = Pick<
  ForestArrays,
  | 'treeCount'
  | 'nodeOffset'
  | 'leafOffset'
  | 'node'
  | 'leafValue'
  | 'leafShares'
  | 'sharesOffset'
  | 'shareClass'
  | 'share'
  | 'leafCover'
>;

/** Takes nodes and leaves in preorder. */
export interface ForestWriter {
  readonly treeCount: () => number;
  /** Appends a node; its place. */
  readonly node: (word: number) => number;
  /** Says that a child of a node is a leaf. */
  readonly leafOf: (node: number, isLeft: boolean) => void;
  /** A leaf of the only output. */
  readonly value: (value: number, cover: number) => void;
  /** A leaf of several outputs: weight of each class and in all. */
  readonly shares: (weights: Float64Array, total: number, cover: number) => void;
  /** A leaf of one class alone. */
  readonly pure: (index: number, cover: number) => void;
  readonly endTree: () => void;
  readonly arrays: () => TreeArraysOfForest;
}

const FIRST_SIZE = 1024;

/** A typed array that grows. */
function growing<A extends Uint32Array | Float32Array | Int32Array>(made: (size: number) => A, start: A | null) {
  let array = made(Math.max(FIRST_SIZE, start?.length ?? 0));
  if (start !== null) array.set(start);
  let length = start?.length ?? 0;
  return {
    push: (value: number): number => {
      if (length === array.length) {
        const larger = made(2 * length);
        larger.set(array);
        array = larger;
      }
      array[length] = value;
      length += 1;
      return length - 1;
    },
    or: (at: number, bits: number): void => {
      array[at] = (array[at] ?? 0) | bits;
    },
    length: () => length,
    taken: (): A => {
      const exact = made(length);
      exact.set(array.subarray(0, length));
      return exact;
    },
  };
}

const keyOf = (classes: readonly number[], shares: readonly number[]): string => `${classes.join()}:${shares.join()}`;

/** The number of each set of shares that a forest has. */
function sharesOf(from: TreeArraysOfForest | null): Map<string, number> {
  const known = new Map<string, number>();
  for (let index = 0; index + 1 < (from?.sharesOffset.length ?? 0); index += 1) {
    const range = [from?.sharesOffset[index] ?? 0, from?.sharesOffset[index + 1] ?? 0] as const;
    known.set(keyOf([...(from?.shareClass.slice(...range) ?? [])], [...(from?.share.slice(...range) ?? [])]), index);
  }
  return known;
}

const float32 = (size: number): Float32Array<ArrayBuffer> => new Float32Array(size);
const int32 = (size: number): Int32Array<ArrayBuffer> => new Int32Array(size);
const uint32 = (size: number): Uint32Array<ArrayBuffer> => new Uint32Array(size);

/**
 * @param from a forest to go on with; null: none
 */
export function forestWriter(from: TreeArraysOfForest | null): ForestWriter {
  const node = growing(uint32, from?.node ?? null);
  const nodeOffset = growing(int32, from?.nodeOffset ?? Int32Array.of(0));
  const leafOffset = growing(int32, from?.leafOffset ?? Int32Array.of(0));
  const leafValue = growing(float32, from?.leafValue ?? null);
  const leafShares = growing(uint32, from?.leafShares ?? null);
  const sharesOffset = growing(int32, from?.sharesOffset ?? Int32Array.of(0));
  const shareClass = growing(int32, from?.shareClass ?? null);
  const share = growing(float32, from?.share ?? null);
  const leafCover = growing(uint32, from?.leafCover ?? null);
  const known = sharesOf(from);
  const ofClass: number[] = [];
  const placeOf = (classes: readonly number[], shares: readonly number[]): number => {
    const key = keyOf(classes, shares);
    const found = known.get(key);
    if (found !== undefined) return found;
    for (const [at, index] of classes.entries()) {
      shareClass.push(index);
      share.push(shares[at] ?? 0);
    }
    const index = sharesOffset.push(shareClass.length()) - 1;
    known.set(key, index);
    return index;
  };
  return {
    treeCount: () => nodeOffset.length() - 1,
    node: node.push,
    leafOf: (at, isLeft) => node.or(at, isLeft ? LEFT_LEAF_BIT : RIGHT_LEAF_BIT),
    value: (value, cover) => {
      leafValue.push(value);
      leafCover.push(cover);
    },
    shares: (weights, total, cover) => {
      const classes: number[] = [];
      const shares: number[] = [];
      for (let index = 0; index < weights.length; index += 1) {
        const weight = weights[index] ?? 0;
        if (!(weight > 0)) continue;
        classes.push(index);
        shares.push(Math.fround(Math.min(1, weight / total)));
      }
      leafShares.push(placeOf(classes, shares));
      leafCover.push(cover);
    },
    pure: (index, cover) => {
      const found = ofClass[index] ?? placeOf([index], [1]);
      ofClass[index] = found;
      leafShares.push(found);
      leafCover.push(cover);
    },
    endTree: () => {
      nodeOffset.push(node.length());
      leafOffset.push(leafCover.length());
    },
    arrays: () => ({
      treeCount: nodeOffset.length() - 1,
      nodeOffset: nodeOffset.taken(),
      leafOffset: leafOffset.taken(),
      node: node.taken(),
      leafValue: leafValue.taken(),
      leafShares: leafShares.taken(),
      sharesOffset: sharesOffset.taken(),
      shareClass: shareClass.taken(),
      share: share.taken(),
      leafCover: leafCover.taken(),
    }),
  };
}
