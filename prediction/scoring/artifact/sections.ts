import { AppError, type BlobSection, type ManifestModel, type SectionType } from '#contracts';
import type { TreeArrays } from '../models/tree-arrays.ts';

/** Every section begins at a multiple of this many bytes. */
export const SECTION_ALIGNMENT = 8;

/** Bytes of one element. */
const WIDTH: Readonly<Record<SectionType, number>> = { float64: 8, int32: 4, uint32: 4, uint8: 1 };

/** The arrays of a `trees` model and their element types, in the order in which they are written. */
const TREE_SECTIONS = [
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
] as const satisfies readonly (readonly [keyof TreeArrays, SectionType])[];

type SectionArray = Float64Array | Int32Array | Uint32Array | Uint8Array;

/** Writes the arrays of all models into one blob, little endian, in the order of `models`. */
export function writeSections(models: ReadonlyMap<string, TreeArrays>): { sections: BlobSection[]; blob: Uint8Array } {
  const sections: BlobSection[] = [];
  const parts: SectionArray[] = [];
  let offset = 0;
  for (const [prefix, trees] of models) {
    for (const [field, type] of TREE_SECTIONS) {
      const array: SectionArray = trees[field];
      sections.push({ name: `${prefix}.${field}`, type, offset, length: array.length });
      parts.push(array);
      offset = aligned(offset + array.length * WIDTH[type]);
    }
  }
  const blob = new Uint8Array(offset);
  const view = new DataView(blob.buffer);
  for (const [i, section] of sections.entries()) writeArray(view, section, parts[i] ?? new Uint8Array(0));
  return { sections, blob };
}

const aligned = (bytes: number): number => Math.ceil(bytes / SECTION_ALIGNMENT) * SECTION_ALIGNMENT;

function writeArray(view: DataView, { type, offset }: BlobSection, array: SectionArray): void {
  const width = WIDTH[type];
  for (let i = 0; i < array.length; i += 1) {
    const value = array[i] ?? 0;
    const at = offset + i * width;
    switch (type) {
      case 'float64':
        view.setFloat64(at, value, true);
        break;
      case 'int32':
        view.setInt32(at, value, true);
        break;
      case 'uint32':
        view.setUint32(at, value, true);
        break;
      case 'uint8':
        view.setUint8(at, value);
        break;
    }
  }
}

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

/**
 * The arrays of a `trees` model, copied out of the blob.
 *
 * @throws ARTIFACT_INVALID where a section is missing or has another type
 */
export function readTrees(
  model: Extract<ManifestModel, { kind: 'trees' }>,
  sections: ReadonlyMap<string, BlobSection>,
  blob: Uint8Array,
): TreeArrays {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const section = (field: keyof TreeArrays, type: SectionType): BlobSection => {
    const found = sections.get(`${model.prefix}.${field}`);
    if (found === undefined) return fail({ name: `${model.prefix}.${field}` }, 'is missing');
    if (found.type !== type) fail(found, `is ${found.type}, expected ${type}`);
    return found;
  };
  const float64 = (field: keyof TreeArrays): Float64Array => {
    const { offset, length } = section(field, 'float64');
    return new Float64Array(length).map((_, i) => view.getFloat64(offset + 8 * i, true));
  };
  const int32 = (field: keyof TreeArrays): Int32Array => {
    const { offset, length } = section(field, 'int32');
    return new Int32Array(length).map((_, i) => view.getInt32(offset + 4 * i, true));
  };
  const bits = section('catBits', 'uint32');
  const decision = section('decisionType', 'uint8');
  return {
    outputCount: model.outputCount,
    treeCount: model.treeCount,
    averageOutput: model.averageOutput,
    nodeOffset: int32('nodeOffset'),
    leafOffset: int32('leafOffset'),
    splitFeature: int32('splitFeature'),
    threshold: float64('threshold'),
    decisionType: blob.slice(decision.offset, decision.offset + decision.length),
    left: int32('left'),
    right: int32('right'),
    leafValue: float64('leafValue'),
    catBoundaries: int32('catBoundaries'),
    catBits: new Uint32Array(bits.length).map((_, i) => view.getUint32(bits.offset + 4 * i, true)),
  };
}
