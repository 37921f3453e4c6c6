import type {
  Column,
  ColumnRequest,
  FeatureProfile,
  FeatureType,
  StoredColumn,
  TimeCounts,
  ValueCount,
} from '#contracts';
import { featureWarnings } from './feature-warnings.ts';
import { inferType, type TypeFacts } from './infer-type.ts';
import type { NumberSurvey } from './number-survey.ts';
import { placeWarnings } from './place-facts.ts';
import type { FirstState, SecondState } from './states.ts';
import { numberWarnings, textWarnings } from './value-warnings.ts';

/**
 * Gathers the profile of one column: a first pass for all columns, a second one for those that ask for it. What a pass found is
 * plain data, too, and is added up in the order of the rows: parts of a table have the profile of the whole.
 */
export interface ColumnProfiler {
  readonly request: ColumnRequest;
  /** False: this view will not do (its dictionary grows without bound). */
  add(column: Column, rowCount: number): boolean;
  /** What the second pass must read; null: nothing. */
  secondRequest(): ColumnRequest | null;
  addSecond(column: Column, rowCount: number): void;
  firstState(): FirstState;
  /** What a first pass found in the rows behind. False, and nothing is taken: this view will not do, or is another one. */
  mergeFirst(state: FirstState): boolean;
  /** Null where nothing was looked at again. */
  secondState(): SecondState | null;
  /** What a second pass found in the rows behind, after `secondRequest`. */
  mergeSecond(state: SecondState): void;
  finish(rowCount: number): ProfiledColumn;
}

export interface ProfiledColumn {
  readonly feature: FeatureProfile;
  readonly distinctValues: ValueCount[] | null;
  /** Null of columns that are not read as dates. */
  readonly timeCounts: TimeCounts | null;
}

/** A stored column with the type that a user gave its feature, if any. */
export interface ColumnToProfile extends StoredColumn {
  readonly givenType?: FeatureType | undefined;
}

/** What profilers of all kinds find. */
export type Findings = Omit<TypeFacts, 'name' | 'parse' | 'rowCount'> &
  Pick<FeatureProfile, 'infiniteCount' | 'min' | 'max' | 'mean' | 'std' | 'quantiles' | 'topValues' | 'histogram'> & {
    /** Of numbers; null of others, and where there are none. */
    readonly survey: NumberSurvey | null;
    /** Different texts of a category, all of them or the most frequent; null of others. */
    readonly values: readonly ValueCount[] | null;
  };

/** The public profile of a column with its type, given or inferred, and warnings. What has one value is constant whatever was given. */
export function featureProfile(
  { name, position, parse, givenType }: ColumnToProfile,
  rowCount: number,
  findings: Findings,
): FeatureProfile {
  const { numbers: _numbers, texts, survey, values, ...shown } = findings;
  const inferredType = inferType({ ...findings, name, parse, rowCount });
  const type = inferredType === 'constant' ? inferredType : (givenType ?? inferredType);
  const presentCount = rowCount - findings.missingCount;
  const { uniqueCount } = findings;
  const warnings = [
    ...featureWarnings({ ...findings, type, isGiven: type !== inferredType, rowCount }),
    ...(survey === null ? [] : numberWarnings({ type, presentCount, uniqueCount, survey })),
    ...(values === null ? [] : textWarnings(type, values)),
    ...(texts === null ? [] : placeWarnings(type, texts.places)),
  ];
  const box = type === 'geo' ? (texts?.places.box ?? null) : null;
  const boundingBox = box === null ? {} : { boundingBox: box };
  return { name, position, type, inferredType, ...shown, ...boundingBox, warnings };
}
