import { DatasetProfile, FeatureWarning, StoredTable } from './dataset.ts';
import { Id, Sha256, oneOf, strict } from './schema.ts';
import { TABLE_PARTS_MAX, TablePart } from './table-parts.ts';
import { Type, type Static } from './type.ts';

/** Something a person should know about one column, by what was found before its rows were looked at. */
export const ColumnWarning = strict({
  name: Type.String(),
  position: Type.Integer({ minimum: 0 }),
  warning: FeatureWarning,
});
export type ColumnWarning = Static<typeof ColumnWarning>;

/** Name of the one file that a part of a profile, or the first passes put together, leave in their attempt's folder. */
export const PROFILE_STATE_FILE = 'state.ndjson';

/** What a pass over a part of a table has found, or the first passes over all parts together: a sealed object. */
export const ProfileState = strict({
  path: Type.String({ description: 'object store path' }),
  sizeBytes: Type.Integer({ minimum: 1 }),
  sha256: Sha256,
});
export type ProfileState = Static<typeof ProfileState>;

/** Passes over the rows of a table that is profiled in parts; the second one only where numbers or dates are to be looked at again. */
export const PROFILE_PASSES = ['first', 'second'] as const;
export type ProfilePass = (typeof PROFILE_PASSES)[number];

/** One pass over a part of a table in place: a profile in parts has one such task a part and pass. */
export const ProfilePartTask = strict({
  kind: Type.Literal('profile-part'),
  datasetId: Id,
  table: StoredTable,
  part: TablePart,
  first: Type.Optional({
    ...ProfileState,
    description: 'what the first passes over all parts found: this is the second pass; default: the first',
  }),
});
export type ProfilePartTask = Static<typeof ProfilePartTask>;

/** Puts a pass over all parts together: the profile, or what the second pass begins with. */
export const ProfileMergeTask = strict({
  kind: Type.Literal('profile-merge'),
  datasetId: Id,
  table: StoredTable,
  parts: Type.Array(ProfileState, { minItems: 2, maxItems: TABLE_PARTS_MAX, description: 'by index' }),
  first: Type.Optional({
    ...ProfileState,
    description: 'what the first passes over all parts found: the parts are of the second; default: of the first',
  }),
  columnWarnings: Type.Array(ColumnWarning, { description: 'of registration; they become those of the features' }),
});
export type ProfileMergeTask = Static<typeof ProfileMergeTask>;

export const ProfilePartOutcome = strict({
  kind: Type.Literal('profile-part'),
  pass: oneOf(PROFILE_PASSES),
  rowCount: Type.Integer({ minimum: 0, description: 'of the part' }),
});
export type ProfilePartOutcome = Static<typeof ProfilePartOutcome>;

export const ProfileMergeOutcome = strict({
  kind: Type.Literal('profile-merge'),
  profile: Type.Optional(DatasetProfile),
});
export type ProfileMergeOutcome = Static<typeof ProfileMergeOutcome>;
