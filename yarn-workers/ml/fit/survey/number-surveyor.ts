import { AppError } from '#contracts';
import type { DateColumns } from '../../blueprints/dates.ts';
import { grownArray } from '../grown-array.ts';
import type { TaskFeature } from '../task-columns.ts';
import { numberStatistics } from '../training-statistics.ts';
import { arrayAt, takeJoined } from './state-parts.ts';
import type { Surveyor } from './surveyor.ts';

/** Numbers and dates: the values of the rows that statistics are made from, in the order of the rows. */
export function numberSurveyor({ manifest }: TaskFeature, { parts, holidays }: DateColumns): Surveyor {
  const pieces: Float64Array[] = [];
  return {
    gather: () => {
      const kept = grownArray((length) => new Float64Array(length));
      return {
        add: (decoded, _rowCount, _firstRow, chosen) => {
          if (decoded.kind !== 'number')
            throw new AppError('INTERNAL', `${JSON.stringify(manifest.name)} does not decode as numbers`);
          for (const row of chosen) kept.push(decoded.values[row] ?? NaN);
        },
        parts: () => ({ head: null, arrays: [kept.take()] }),
      };
    },
    merge: (state) => void pieces.push(arrayAt(state, 0, Float64Array)),
    steps: (_member, feature) =>
      manifest.parse.kind === 'date'
        ? [{ kind: 'date-parts', feature, parts: [...parts] }, ...(holidays === null ? [] : [{ ...holidays, feature }])]
        : [{ kind: 'numeric', feature }],
    statistics: (feature) =>
      numberStatistics(
        feature,
        takeJoined(pieces, (length) => new Float64Array(length)),
      ),
  };
}
