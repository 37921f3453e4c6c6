import { AppError, type BlobSection, type ManifestModel, type SectionType } from '#contracts';
import type { FactorizationArrays } from '../models/factorization-arrays.ts';
import type { ForestArrays } from '../models/forest-arrays.ts';
import type { LinearArrays } from '../models/linear-arrays.ts';
import type { NetworkArrays } from '../models/network-arrays.ts';
import type { TreeArrays } from '../models/tree-arrays.ts';
import {
  FACTORIZATION_SECTIONS,
  FOREST_SECTIONS,
  LINEAR_SECTIONS,
  NETWORK_SECTIONS,
  namedArrays,
  shapesOf,
  type ModelArrays,
  type SectionShape,
} from './section-lists.ts';

/** Every section begins at a multiple of this many bytes. */
export const SECTION_ALIGNMENT = 8;

/** Bytes of one element. */
const WIDTH: Readonly<Record<SectionType, number>> = { float64: 8, float32: 4, int32: 4, uint32: 4, uint8: 1 };

/** Where the arrays of all models lie in a blob, in the order of `models`. */
export function layOutSections(models: ReadonlyMap<string, readonly SectionShape[]>): {
  sections: BlobSection[];
  sizeBytes: number;
} {
  const sections: BlobSection[] = [];
  let offset = 0;
  for (const [prefix, shapes] of models) {
    for (const { field, type, length } of shapes) {
      sections.push({ name: `${prefix}.${field}`, type, offset, length });
      offset = aligned(offset + length * WIDTH[type]);
    }
  }
  return { sections, sizeBytes: offset };
}

const aligned = (bytes: number): number => Math.ceil(bytes / SECTION_ALIGNMENT) * SECTION_ALIGNMENT;

/** Writes the arrays of a model to where they were laid out, little endian. @throws ARTIFACT_INVALID where one was not */
export function writeModel(
  blob: Uint8Array,
  places: ReadonlyMap<string, BlobSection>,
  prefix: string,
  model: ModelArrays,
): void {
  for (const { field, array } of namedArrays(model)) {
    const name = `${prefix}.${field}`;
    const { offset } = places.get(name) ?? fail({ name }, 'has no place');
    blob.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), offset);
  }
}

/** Writes the arrays of all models into one blob, in the order of `models`. */
export function writeSections(models: ReadonlyMap<string, ModelArrays>): { sections: BlobSection[]; blob: Uint8Array } {
  const { sections, sizeBytes } = layOutSections(
    new Map([...models].map(([prefix, model]) => [prefix, shapesOf(model)])),
  );
  const blob = new Uint8Array(sizeBytes);
  const places = sectionsByName(sections);
  for (const [prefix, model] of models) writeModel(blob, places, prefix, model);
  return { sections, blob };
}

export const sectionsByName = (sections: readonly BlobSection[]): Map<string, BlobSection> =>
  new Map(sections.map((section) => [section.name, section]));

if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1)
  throw new AppError('NOT_AVAILABLE', 'numbers of artefacts are little endian, which this processor is not');

/**
 * Proves that sections have different names, are aligned, follow each other without overlap and end within the blob.
 *
 * @throws ARTIFACT_INVALID
 */
export function checkSections(sections: readonly BlobSection[], blobSizeBytes: number): void {
  const names = new Set<string>();
  let end = 0;
  for (const section of sections) {
    const { name, type, offset, length } = section;
    if (names.has(name)) fail(section, 'appears twice');
    names.add(name);
    if (offset % SECTION_ALIGNMENT !== 0) fail(section, `offset ${offset} is not a multiple of ${SECTION_ALIGNMENT}`);
    if (offset < end) fail(section, `begins at ${offset}, expected ${end} or later`);
    end = offset + length * WIDTH[type];
    if (!(end <= blobSizeBytes)) fail(section, `ends at ${end} of ${blobSizeBytes} bytes`);
  }
}

function fail(section: Pick<BlobSection, 'name'>, what: string): never {
  throw new AppError('ARTIFACT_INVALID', `section ${JSON.stringify(section.name)}: ${what}`);
}

/** How arrays are read: as copies, or as views of the blob, which then must stay as it is. */
export type SectionReading = 'copied' | 'in-place';

/**
 * Reads one model's sections out of the blob. What is not aligned in memory is copied in any case.
 *
 * @throws ARTIFACT_INVALID where a section is missing or has another type
 */
function sectionReader(
  prefix: string,
  sections: ReadonlyMap<string, BlobSection>,
  blob: Uint8Array,
  reading: SectionReading,
) {
  const bytesOf = (field: string, type: SectionType): Uint8Array => {
    const found = sections.get(`${prefix}.${field}`);
    if (found === undefined) return fail({ name: `${prefix}.${field}` }, 'is missing');
    if (found.type !== type) fail(found, `is ${found.type}, expected ${type}`);
    const width = WIDTH[type];
    const bytes = blob.subarray(found.offset, found.offset + found.length * width);
    if (reading === 'in-place' && bytes.byteOffset % width === 0) return bytes;
    // Not `slice`: that of a platform's subclass may be a view.
    const own = new Uint8Array(bytes.length);
    own.set(bytes);
    return own;
  };
  const read =
    <A>(type: SectionType, made: new (buffer: ArrayBufferLike, offset: number, length: number) => A) =>
    (field: string): A => {
      const bytes = bytesOf(field, type);
      return new made(bytes.buffer, bytes.byteOffset, bytes.length / WIDTH[type]);
    };
  return {
    float64: read('float64', Float64Array),
    float32: read('float32', Float32Array),
    int32: read('int32', Int32Array),
    uint32: read('uint32', Uint32Array),
    uint8: read('uint8', Uint8Array),
  };
}

/** The arrays of a list by name. @throws ARTIFACT_INVALID see `sectionReader` */
function readListed<L extends readonly (readonly [string, SectionType])[]>(
  list: L,
  ...[prefix, sections, blob, reading]: Parameters<typeof sectionReader>
): { readonly [S in L[number] as S[0]]: ArrayOf[S[1]] } {
  const read = sectionReader(prefix, sections, blob, reading);
  // The cast holds: each section of the list is read, as its type says.
  return Object.fromEntries(list.map(([field, type]) => [field, read[type](field)])) as {
    readonly [S in L[number] as S[0]]: ArrayOf[S[1]];
  };
}

interface ArrayOf {
  readonly float64: Float64Array;
  readonly float32: Float32Array;
  readonly int32: Int32Array;
  readonly uint32: Uint32Array;
  readonly uint8: Uint8Array;
}

/** The arrays of a `linear` model. @throws ARTIFACT_INVALID see `readTrees` */
export function readLinear(
  { outputCount, columnCount, prefix }: Extract<ManifestModel, { kind: 'linear' }>,
  sections: ReadonlyMap<string, BlobSection>,
  blob: Uint8Array,
  reading: SectionReading,
): LinearArrays {
  return { outputCount, columnCount, ...readListed(LINEAR_SECTIONS, prefix, sections, blob, reading) };
}

/** The arrays of a `factorization-machine` model. @throws ARTIFACT_INVALID see `readTrees` */
export function readFactorization(
  { outputCount, columnCount, rank, prefix }: Extract<ManifestModel, { kind: 'factorization-machine' }>,
  sections: ReadonlyMap<string, BlobSection>,
  blob: Uint8Array,
  reading: SectionReading,
): FactorizationArrays {
  return { outputCount, rank, columnCount, ...readListed(FACTORIZATION_SECTIONS, prefix, sections, blob, reading) };
}

/** The arrays of a `network` model. @throws ARTIFACT_INVALID see `readTrees` */
export function readNetwork(
  { outputCount, columnCount, unitCount, prefix }: Extract<ManifestModel, { kind: 'network' }>,
  sections: ReadonlyMap<string, BlobSection>,
  blob: Uint8Array,
  reading: SectionReading,
): NetworkArrays {
  return { outputCount, unitCount, columnCount, ...readListed(NETWORK_SECTIONS, prefix, sections, blob, reading) };
}

/** The arrays of a `forest` model, by default copied out of the blob. @throws ARTIFACT_INVALID see `readTrees` */
export function readForest(
  model: Extract<ManifestModel, { kind: 'forest' }>,
  sections: ReadonlyMap<string, BlobSection>,
  blob: Uint8Array,
  reading: SectionReading = 'copied',
): ForestArrays {
  const { outputCount, treeCount, columnCount, link, priorVotes, prefix, shift } = model;
  return {
    outputCount,
    treeCount,
    columnCount,
    link,
    priorVotes,
    ...(shift === undefined ? {} : { shift }),
    ...readListed(FOREST_SECTIONS, prefix, sections, blob, reading),
  };
}

/** A model of trees, as a manifest names it. */
export type TreesModel = Extract<ManifestModel, { kind: 'trees' | 'linear-trees' }>;

/** How a manifest names trees. */
export const treesModel = (
  prefix: string,
  { outputCount, treeCount, averageOutput, linear }: TreeArrays,
): TreesModel => ({
  kind: linear === undefined ? 'trees' : 'linear-trees',
  prefix,
  outputCount,
  treeCount,
  averageOutput,
});

/**
 * The arrays of a `trees` or `linear-trees` model, by default copied out of the blob.
 *
 * @throws ARTIFACT_INVALID where a section is missing or has another type
 */
export function readTrees(
  model: TreesModel,
  sections: ReadonlyMap<string, BlobSection>,
  blob: Uint8Array,
  reading: SectionReading = 'copied',
): TreeArrays {
  const { float64, int32, uint32, uint8 } = sectionReader(model.prefix, sections, blob, reading);
  return {
    outputCount: model.outputCount,
    treeCount: model.treeCount,
    averageOutput: model.averageOutput,
    nodeOffset: int32('nodeOffset'),
    leafOffset: int32('leafOffset'),
    splitFeature: int32('splitFeature'),
    threshold: float64('threshold'),
    decisionType: uint8('decisionType'),
    left: int32('left'),
    right: int32('right'),
    leafValue: float64('leafValue'),
    catBoundaries: int32('catBoundaries'),
    catBits: uint32('catBits'),
    leafCover: sections.has(`${model.prefix}.leafCover`) ? float64('leafCover') : null,
    ...(model.kind === 'trees'
      ? {}
      : {
          linear: {
            constant: float64('constant'),
            termOffset: int32('termOffset'),
            termColumn: int32('termColumn'),
            coefficient: float64('coefficient'),
            termMean: float64('termMean'),
          },
        }),
  };
}
