import { Type, type Static } from '#contracts';

/** One entry of HDFS. */
export interface FileStatus {
  /** Absolute, without scheme. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  readonly accessedAt: Date;
  readonly owner: string;
  readonly group: string;
  /** Octal: `644`, `1777`. */
  readonly permission: string;
  readonly hasAcl: boolean;
  readonly encrypted: boolean;
  readonly replication: number;
  readonly blockSizeBytes: number;
  /** Stays the same when the entry is renamed; null from HttpFS, which does not tell. */
  readonly fileId: number | null;
}

/** What `op=GETCONTENTSUMMARY` says; quotas are null where none is set. */
export interface ContentSummary {
  readonly directoryCount: number;
  readonly fileCount: number;
  readonly sizeBytes: number;
  /** With all replicas. */
  readonly spaceBytes: number;
  /** Most files and folders. */
  readonly nameQuota: number | null;
  /** Most bytes with all replicas. */
  readonly spaceQuotaBytes: number | null;
}

const count = Type.Integer();

/** @see WebHDFS REST API, "FileStatus JSON Schema" */
export const FileStatusJson = Type.Object({
  pathSuffix: Type.String(),
  type: Type.Union([Type.Literal('FILE'), Type.Literal('DIRECTORY'), Type.Literal('SYMLINK')]),
  length: count,
  modificationTime: count,
  accessTime: count,
  owner: Type.String(),
  group: Type.String(),
  permission: Type.String(),
  replication: count,
  blockSize: count,
  fileId: Type.Optional(count),
  aclBit: Type.Optional(Type.Boolean()),
  encBit: Type.Optional(Type.Boolean()),
});

export const FileStatusAnswer = Type.Object({ FileStatus: FileStatusJson });
export const ListingAnswer = Type.Object({
  DirectoryListing: Type.Object({
    partialListing: Type.Object({ FileStatuses: Type.Object({ FileStatus: Type.Array(FileStatusJson) }) }),
    remainingEntries: count,
  }),
});
export const ContentSummaryAnswer = Type.Object({
  ContentSummary: Type.Object({
    directoryCount: count,
    fileCount: count,
    length: count,
    spaceConsumed: count,
    quota: count,
    spaceQuota: count,
  }),
});
export const BooleanAnswer = Type.Object({ boolean: Type.Boolean() });
export const LongAnswer = Type.Object({ long: count });
export const PathAnswer = Type.Object({ Path: Type.String() });
export const TokenAnswer = Type.Object({ Token: Type.Object({ urlString: Type.String() }) });
export const ChecksumAnswer = Type.Object({
  FileChecksum: Type.Object({ algorithm: Type.String(), bytes: Type.String(), length: count }),
});
export const AclAnswer = Type.Object({
  AclStatus: Type.Object({ entries: Type.Array(Type.String()), owner: Type.String(), group: Type.String() }),
});

const TYPES = { FILE: 'file', DIRECTORY: 'directory', SYMLINK: 'symlink' } as const;

/** @param folder the path that was asked for; an entry of a listing is below it */
export function toFileStatus(json: Static<typeof FileStatusJson>, folder: string): FileStatus {
  const suffix = json.pathSuffix === '' ? '' : `${folder === '/' ? '' : folder}/${json.pathSuffix}`;
  return {
    path: suffix === '' ? folder : suffix,
    type: TYPES[json.type],
    sizeBytes: json.length,
    modifiedAt: new Date(json.modificationTime),
    accessedAt: new Date(json.accessTime),
    owner: json.owner,
    group: json.group,
    permission: json.permission,
    hasAcl: json.aclBit === true,
    encrypted: json.encBit === true,
    replication: json.replication,
    blockSizeBytes: json.blockSize,
    fileId: json.fileId ?? null,
  };
}

export function toContentSummary(json: Static<typeof ContentSummaryAnswer>): ContentSummary {
  const { directoryCount, fileCount, length, spaceConsumed, quota, spaceQuota } = json.ContentSummary;
  return {
    directoryCount,
    fileCount,
    sizeBytes: length,
    spaceBytes: spaceConsumed,
    nameQuota: quota < 0 ? null : quota,
    spaceQuotaBytes: spaceQuota < 0 ? null : spaceQuota,
  };
}
