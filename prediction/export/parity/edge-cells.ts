import type { DateFormat, ManifestFeature } from '#contracts';
import { CATEGORY_COLUMN } from '#scoring';
import { nextAbove, nextBelow } from '../model/neighbours.ts';
import type { PortableModel } from '../model/portable-model.ts';
import { treeTest } from '../model/tree-tests.ts';

/** A cell as a row in JSON has it. */
export type Cell = string | number | null;

/** Numbers that formats and comparisons are known to get wrong. */
const ODD_NUMBERS = [0, -0, 1e-36, -1e-36, 1e-34, 5e-324, 1e300, -1e300, 0.1, Infinity, -Infinity];
/** Days on which calendars turn, and a moment. */
const ODD_DAYS = ['1970-01-01', '1969-12-31', '2000-02-29', '1900-03-01', '2024-12-31', '0001-01-01', '9999-12-31'];
const ODD_MOMENTS = ['1969-12-31T23:59:59.999999', '2024-02-29T12:34:56.5'];
const UNSEEN = 'a level that no row has';

/** Cells of a feature at which a model, or what reads it, may turn; of many limits and levels `most`, evenly spread. */
export function edgeCells(model: PortableModel, feature: number, { parse }: ManifestFeature, most: number): Cell[] {
  switch (parse.kind) {
    case 'number': {
      const limits = spread(numberLimits(model, feature), Math.max(1, Math.floor(most / 4)));
      const around = limits.flatMap((limit) => [nextBelow(limit), limit, nextAbove(limit)]);
      return [null, ...parse.nullMarkers, ...ODD_NUMBERS, ...around];
    }
    case 'date':
      return [null, ...parse.nullMarkers, ...dates(parse.formats[0])];
    case 'category': {
      const keys = spread(levelsOf(model, feature), most);
      const spelt =
        parse.keyRule === 'text'
          ? keys.slice(0, 3).map((key) => key.toUpperCase())
          : keys.slice(0, 10).flatMap((key) => [key.toUpperCase(), ` ${key}`, `${key}.0`, `${key}e0`]);
      return [null, '', UNSEEN, ' ', "'", '\\', 'null', 'NaN', '7', 'inf', ...parse.nullMarkers, ...keys, ...spelt];
    }
    case 'geo':
      return [null];
  }
}

/** At most so many of them, the first and the last included. */
export function spread<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all];
  return Array.from(
    { length: most },
    (_, at) => all[Math.round((at * (all.length - 1)) / Math.max(1, most - 1))],
  ).flatMap((one) => (one === undefined ? [] : [one]));
}

/** Finite numbers at which trees part rows or lines bend, ascending. */
function numberLimits({ steps, members }: PortableModel, feature: number): number[] {
  const columns = new Set(
    steps.flatMap(({ step, firstColumn }) =>
      step.kind === 'numeric' && step.feature === feature ? [firstColumn] : [],
    ),
  );
  const limits = new Set<number>();
  for (const member of members) {
    if (member.kind === 'constant') continue;
    if (member.kind === 'trees') {
      for (let node = 0; node < member.trees.splitFeature.length; node += 1) {
        const test = treeTest(member.trees, node, member.columns);
        if (test.kind === 'at-most' && columns.has(test.column)) limits.add(test.limit);
      }
      continue;
    }
    const { pointOffset, columnKind, knot } = member.linear;
    for (const [column, place] of member.columns.entries()) {
      if (!columns.has(place) || columnKind[column] === CATEGORY_COLUMN) continue;
      for (let point = pointOffset[column] ?? 0; point < (pointOffset[column + 1] ?? 0); point += 1) {
        const [here, next] = [knot[point] ?? NaN, knot[point + 1] ?? NaN];
        limits.add(here);
        if (point + 1 < (pointOffset[column + 1] ?? 0)) limits.add(here + (next - here) / 3);
      }
    }
  }
  return [...limits].filter(Number.isFinite).sort((a, b) => a - b);
}

function levelsOf({ steps }: PortableModel, feature: number): string[] {
  const keys = steps.flatMap(({ step }) => {
    if (step.kind === 'category-cross')
      return [...(step.feature === feature ? step.keys : []), ...(step.other === feature ? step.otherKeys : [])];
    return (step.kind === 'category-codes' || step.kind === 'category-numbers') && step.feature === feature
      ? step.keys
      : [];
  });
  return [...new Set(keys)];
}

function dates(format: DateFormat | undefined): string[] {
  const of = (write: (year: string, month: string, day: string) => string): string[] =>
    ODD_DAYS.map((day) => write(day.slice(0, 4), day.slice(5, 7), day.slice(8)));
  switch (format) {
    case undefined:
      return [];
    case 'iso-date':
      return ODD_DAYS;
    case 'iso-datetime':
      return [...ODD_DAYS.map((day) => `${day}T00:00:00`), ...ODD_MOMENTS];
    case 'y/m/d':
      return of((year, month, day) => `${year}/${month}/${day}`);
    case 'd.m.y':
      return of((year, month, day) => `${day}.${month}.${year}`);
    case 'm/d/y':
      return of((year, month, day) => `${month}/${day}/${year}`);
    case 'd/m/y':
      return of((year, month, day) => `${day}/${month}/${year}`);
    case 'compact-date':
      return of((year, month, day) => year + month + day);
  }
}
