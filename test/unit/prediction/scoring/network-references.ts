import { readFileSync } from 'node:fs';
import { parse, Type, type Static } from '#contracts';
import type { NetworkArrays } from '#scoring';

const Numbers = Type.Array(Type.Number());
const Count = Type.Integer({ minimum: 1 });
const Reference = Type.Object({
  arrays: Type.Object({
    ...{ outputCount: Count, unitCount: Count, columnCount: Count, intercept: Numbers, phase: Numbers },
    ...{ inputWeight: Numbers, outputWeight: Numbers, columnField: Numbers, columnSize: Numbers, columnKind: Numbers },
    ...{
      pointOffset: Numbers,
      knot: Numbers,
      value: Numbers,
      otherwise: Numbers,
      meanCosine: Numbers,
      meanSine: Numbers,
    },
  }),
  rows: Type.Array(Type.Array(Type.Union([Type.Number(), Type.Null()]))),
  scores: Type.Array(Numbers),
  base: Numbers,
  contributions: Type.Array(Type.Array(Numbers), { description: 'rows x fields x outputs' }),
});

/** Networks of numpy, see `test/fixtures/network/generate.py`. */
export const NETWORK_REFERENCES = parse(
  Type.Array(Reference, { minItems: 2 }),
  JSON.parse(readFileSync(new URL('../../../fixtures/network/references.json', import.meta.url), 'utf8')) as unknown,
  'networks of numpy',
);

/** As an artefact would hold it. */
export function networkOf({ arrays }: Static<typeof Reference>): NetworkArrays {
  const { outputCount, unitCount, columnCount } = arrays;
  return {
    ...{ outputCount, unitCount, columnCount },
    intercept: Float64Array.from(arrays.intercept),
    phase: Float32Array.from(arrays.phase),
    inputWeight: Float32Array.from(arrays.inputWeight),
    outputWeight: Float32Array.from(arrays.outputWeight),
    columnField: Int32Array.from(arrays.columnField),
    columnSize: Int32Array.from(arrays.columnSize),
    columnKind: Uint8Array.from(arrays.columnKind),
    pointOffset: Int32Array.from(arrays.pointOffset),
    knot: Float64Array.from(arrays.knot),
    value: Float32Array.from(arrays.value),
    otherwise: Float32Array.from(arrays.otherwise),
    meanCosine: Float32Array.from(arrays.meanCosine),
    meanSine: Float32Array.from(arrays.meanSine),
  };
}

/** NaN for null. */
export const matrixRow = (row: readonly (number | null)[]): Float64Array =>
  Float64Array.from(row, (value) => value ?? NaN);
