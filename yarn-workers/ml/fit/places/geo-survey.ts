import { AppError, type ManifestFeature, type ManifestStep, type TrainingStatistics } from '#contracts';
import type { FeatureValues } from '#scoring';
import type { PlaceColumns } from '../../blueprints/places.ts';
import type { Member, TrainingGroups } from '../row-roles.ts';
import { keptPlaces } from './kept-places.ts';
import { addNumber, factsOf, noNumbers, widthAt } from './place-survey.ts';

/**
 * What a pass over a feature that is a place finds. Memory: three numbers a fold, and what `keptPlaces` keeps where there are cells.
 *
 * @param isKept the rows that cells are made of
 */
export function geoSurvey(
  { name }: ManifestFeature,
  groups: TrainingGroups,
  { parts, cellSizes }: PlaceColumns,
  isKept: (row: number) => boolean,
) {
  const numbers = noNumbers(groups.count);
  const kept = cellSizes > 0 ? keptPlaces(groups, isKept, cellSizes) : null;
  let [rowCount, missingCount] = [0, 0];
  return {
    add: (decoded: FeatureValues, batchRows: number, firstRow: number): void => {
      if (decoded.kind !== 'place') throw new AppError('INTERNAL', `${JSON.stringify(name)} does not decode as places`);
      const { latitudes, longitudes } = decoded;
      for (let row = 0; row < batchRows; row += 1) {
        const group = groups.of(firstRow + row);
        if (group < 0) continue;
        rowCount += 1;
        if (Number.isNaN(latitudes[row])) missingCount += 1;
        addNumber(numbers, group, latitudes[row]);
      }
      kept?.addLatitudes(latitudes, batchRows, firstRow);
      kept?.addLongitudes(longitudes, batchRows, firstRow);
    },
    /** Its numbers, then its cells. */
    steps: (member: Member, feature: number): ManifestStep[] => {
      const { count, mean } = factsOf(numbers, groups.trains(member));
      const width = count === 0 ? 1 : widthAt(mean);
      const found = kept?.cellsOf(member, width) ?? null;
      return [
        { kind: 'place-parts', feature, parts: [...parts], width },
        ...(found === null ? [] : [{ kind: 'place-cells' as const, feature, longitude: null, ...found }]),
      ];
    },
    /** How often it is missing; places have no bins. */
    statistics: (feature: number): TrainingStatistics => ({
      ...{ feature, rowCount, missingCount },
      ...{ edges: null, counts: null, topValues: null },
    }),
  };
}
