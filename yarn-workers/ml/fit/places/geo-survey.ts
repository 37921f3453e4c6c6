import { AppError, Type, parse, strict, type ManifestFeature, type ManifestStep } from '#contracts';
import type { PlaceColumns } from '../../blueprints/places.ts';
import type { TrainingGroups } from '../row-roles.ts';
import { joinParts, partsOf } from '../survey/state-parts.ts';
import type { Gatherer, Surveyor } from '../survey/surveyor.ts';
import { addDegree, degreeParts, factsOf, mergeDegrees, noDegrees, widthAt } from './degrees.ts';
import { keptPlaces, type PlaceKeeper } from './kept-places.ts';

const Counts = strict({ rows: Type.Integer({ minimum: 0 }), missing: Type.Integer({ minimum: 0 }) });

/**
 * What a pass over a feature that is a place finds. Memory: three numbers a fold, and what `keptPlaces` keeps where there are cells.
 *
 * @param isKept the rows that cells are made of
 */
export function geoSurveyor(
  { name }: ManifestFeature,
  groups: TrainingGroups,
  { parts, cellSizes }: PlaceColumns,
  isKept: (row: number) => boolean,
): Surveyor {
  const latitudes = noDegrees(groups.count);
  const kept = cellSizes > 0 ? keptPlaces(groups, isKept, cellSizes) : null;
  let [rowCount, missingCount] = [0, 0];
  return {
    gather: () => geoGatherer(name, groups, kept?.gather() ?? null),
    merge: (state) => {
      const [own, degrees, ...places] = partsOf(state, kept === null ? 2 : 3);
      const { rows, missing } = parse(Counts, own?.head, 'places of a span', 'INTERNAL');
      rowCount += rows;
      missingCount += missing;
      if (degrees !== undefined) mergeDegrees(latitudes, degrees);
      for (const each of places) kept?.merge(each);
    },
    /** Its numbers, then its cells. */
    steps: (member, feature): ManifestStep[] => {
      const { count, mean } = factsOf(latitudes, groups.trains(member));
      const width = count === 0 ? 1 : widthAt(mean);
      const found = kept?.cellsOf(member, width) ?? null;
      return [
        { kind: 'place-parts', feature, parts: [...parts], width },
        ...(found === null ? [] : [{ kind: 'place-cells' as const, feature, longitude: null, ...found }]),
      ];
    },
    /** How often it is missing; places have no bins. */
    statistics: (feature) => ({
      ...{ feature, rowCount, missingCount },
      ...{ edges: null, counts: null, topValues: null },
    }),
  };
}

function geoGatherer(name: string, groups: TrainingGroups, keeper: PlaceKeeper | null): Gatherer {
  const degrees = noDegrees(groups.count);
  let [rows, missing] = [0, 0];
  return {
    add: (decoded, batchRows, firstRow) => {
      if (decoded.kind !== 'place') throw new AppError('INTERNAL', `${JSON.stringify(name)} does not decode as places`);
      const { latitudes, longitudes } = decoded;
      for (let row = 0; row < batchRows; row += 1) {
        const group = groups.of(firstRow + row);
        if (group < 0) continue;
        rows += 1;
        if (Number.isNaN(latitudes[row])) missing += 1;
        addDegree(degrees, group, latitudes[row]);
      }
      keeper?.addLatitudes(latitudes, batchRows, firstRow);
      keeper?.addLongitudes(longitudes, batchRows, firstRow);
    },
    parts: () =>
      joinParts([
        { head: { rows, missing }, arrays: [] },
        degreeParts(degrees),
        ...(keeper === null ? [] : [keeper.parts()]),
      ]),
  };
}
