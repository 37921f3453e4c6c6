import type { RankAddress } from '#contracts';
import type { RankCertificate } from '#runtime';
import type { BlockKind } from './frame.ts';

export type { RankAddress };
import type { GroupLimits } from './limits.ts';

/** Who a rank is, and how it shows it. */
export interface Membership {
  readonly groupId: string;
  /** From 0. */
  readonly rank: number;
  /** Number of ranks, 2 at least. */
  readonly size: number;
  /** How often the group has been started, this time included: ranks of an earlier time are refused. */
  readonly epoch: number;
  readonly certificates: RankCertificate;
}

/** What the thread of the mesh begins with. */
export interface MeshThreadData {
  readonly member: Membership;
  readonly limits: GroupLimits;
  /** Address of this host that is listened at. */
  readonly listenHost: string;
  /** Of a `Control`. */
  readonly control: SharedArrayBuffer;
}

/** A stretch of bytes. */
export interface ByteRange {
  readonly start: number;
  readonly length: number;
}

/** One exchange: to each rank its bytes, from each rank its bytes; one's own are not moved. */
export interface OperationMessage {
  readonly type: 'operation';
  readonly operation: number;
  readonly kind: BlockKind;
  readonly outgoing: SharedArrayBuffer;
  /** Of `outgoing`, one a rank. */
  readonly outgoingRanges: readonly ByteRange[];
  readonly incoming: SharedArrayBuffer;
  /** Of `incoming`, one a rank. */
  readonly incomingRanges: readonly ByteRange[];
}

export type ToMeshThread =
  | { readonly type: 'meet'; readonly addresses: readonly RankAddress[] }
  | OperationMessage
  | { readonly type: 'break'; readonly reason: string }
  | { readonly type: 'leave' };

export type FromMeshThread =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'connected' }
  | { readonly type: 'stray'; readonly reason: string }
  | { readonly type: 'broken'; readonly reason: string };
