import { AppError } from '#contracts';
import { isBlock, TEXT_BYTES_MAX, type BlockKind, type FrameHeader } from './frame.ts';
import type { GroupLimits } from './limits.ts';
import { faultOf, type Link } from './link.ts';
import type { Membership, RankAddress } from './messages.ts';
import { Rendezvous } from './rendezvous.ts';

/** One exchange as the mesh sees it. */
export interface MeshOperation {
  /** One more than the one before; the first is 1. */
  readonly number: number;
  readonly kind: BlockKind;
  /** What each rank is sent; it must stay as it is until the next operation is finished. One's own is not looked at. */
  readonly outgoing: readonly Uint8Array[];
  /** Where each rank's block goes, which must have exactly this length. One's own is not looked at. */
  readonly incoming: readonly Uint8Array[];
}

export interface MeshEvents {
  /** Every rank is connected. */
  connected(): void;
  /** A connection was refused; told of the first ones only. */
  stray(reason: string): void;
  /** The blocks of all ranks are in their places. */
  finished(operation: number): void;
  /** No further operation will be finished. Called once. */
  broken(reason: string): void;
  /** The other ranks were told that the group is broken, as far as they can be. Called once, after `broken`. */
  told(): void;
}

/** A rank's link with what has come over it. */
interface Peer {
  readonly link: Link;
  /** The last operation whose block has arrived. */
  arrived: number;
  /** A block of the next operation, which is not begun here yet; there is one at most. */
  early: { readonly header: FrameHeader; readonly payload: Uint8Array } | null;
}

/** Longest wait for the other ranks to read why the group is broken; a frozen one never does. */
const TELL_MS_MAX = 1_000;
const NONE = { number: 0, kind: 'allgather', outgoing: [], incoming: [] } as const;

/**
 * One rank's connections to all others, over which blocks are exchanged. A group is all or nothing: the first link that is lost,
 * silent or out of step breaks it on every rank, each with its reason.
 *
 * It blocks nothing and knows no threads; `mesh-thread.ts` lets it run beside a thread that is deep in native code, so that a
 * rank which computes for long is not taken for a dead one.
 */
export class Mesh {
  readonly #member: Membership;
  readonly #limits: GroupLimits;
  readonly #events: MeshEvents;
  readonly #rendezvous: Rendezvous;
  readonly #peers = new Map<number, Peer>();
  readonly #beat: NodeJS.Timeout;
  #lastBeatAt = performance.now();
  #operation: MeshOperation = NONE;
  /** Blocks of the operation that are not here yet. */
  #missing = 0;
  #isBroken = false;
  #isLeaving = false;

  constructor(member: Membership, limits: GroupLimits, events: MeshEvents) {
    this.#member = member;
    this.#limits = limits;
    this.#events = events;
    this.#rendezvous = new Rendezvous(member, limits, {
      linked: (rank, link) => this.#link(rank, link),
      stray: (reason) => events.stray(reason),
      failed: (reason) => this.break(reason),
    });
    this.#beat = setInterval(() => this.#onBeat(), limits.pingMs);
  }

  /** @returns the port @throws Error when the address cannot be listened at */
  listen(host: string): Promise<number> {
    return this.#rendezvous.listen(host);
  }

  /** Connects to all others. @param addresses one a rank */
  meet(addresses: readonly RankAddress[]): void {
    this.#rendezvous.meet(addresses);
  }

  /** Sends this rank's blocks and waits for those of the others: `finished` or `broken` tells. */
  begin(operation: MeshOperation): void {
    if (this.#isBroken) return;
    this.#operation = operation;
    this.#missing = this.#peers.size;
    const { rank, size } = this.#member;
    // Each begins with the rank after its own, so that not all send to one.
    for (let step = 1; step < size; step += 1) {
      const to = (rank + step) % size;
      this.#peers.get(to)?.link.send(operation.kind, operation.number, operation.outgoing[to]);
    }
    for (const [from, peer] of this.#peers) this.#guard(() => this.#takeEarly(from, peer));
  }

  /** Breaks the group: the other ranks are told why. Nothing if it is broken already. */
  break(reason: string): void {
    this.#break(reason, reason);
  }

  /** Says goodbye: what follows from the others' ends is no failure. Resolves when all links are closed. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    this.#stop();
    const links = [...this.#peers.values()].map(({ link }) => link);
    for (const link of links) link.end('leave');
    await closedWithin(links, this.#limits.helloMs);
  }

  #link(rank: number, link: Link): void {
    const peer: Peer = { link, arrived: 0, early: null };
    this.#peers.set(rank, peer);
    link.handler = {
      place: (header) => this.#place(rank, peer, header),
      take: (header, payload) => this.#take(rank, peer, header, payload),
      lost: (err) => this.#lost(rank, peer, err),
    };
    if (this.#peers.size < this.#member.size - 1) return;
    this.#rendezvous.close();
    this.#events.connected();
  }

  #place(rank: number, peer: Peer, header: FrameHeader): Uint8Array {
    this.#checkSender(rank, header);
    const { number } = this.#operation;
    if (header.operation === number && peer.arrived < number) return this.#expected(rank, header);
    if (header.operation === number + 1 && peer.arrived === number && peer.early === null)
      return new Uint8Array(header.length);
    throw outOfStep(`rank ${rank} sent a block of operation ${header.operation}, this rank is at ${number}`);
  }

  #take(rank: number, peer: Peer, header: FrameHeader, payload: Uint8Array): void {
    this.#checkSender(rank, header);
    if (isBlock(header)) {
      // An empty block has needed no place.
      if (header.length === 0) this.#place(rank, peer, header);
      peer.early = { header, payload };
      this.#takeEarly(rank, peer);
    } else if (header.kind === 'leave') peer.link.hasLeft = true;
    else if (header.kind === 'abort') {
      const reason = Buffer.from(payload).toString();
      peer.link.close();
      this.#break(`rank ${rank} ended the group: ${reason}`, reason);
    } else if (header.kind !== 'ping') throw outOfStep(`rank ${rank} sent ${header.kind} in the midst of things`);
  }

  /** Takes a block if its operation is under way here. */
  #takeEarly(rank: number, peer: Peer): void {
    const { number } = this.#operation;
    if (peer.early === null) {
      if (peer.link.hasLeft && peer.arrived < number) throw outOfStep(`rank ${rank} left before operation ${number}`);
      return;
    }
    const { header, payload } = peer.early;
    if (header.operation !== number) return;
    peer.early = null;
    const place = this.#expected(rank, header);
    if (place !== payload) place.set(payload);
    peer.arrived = number;
    this.#missing -= 1;
    if (this.#missing === 0) this.#events.finished(number);
  }

  /** Where a block of this operation goes. @throws GROUP_BROKEN if it is another one than this rank expects */
  #expected(rank: number, { kind, length, operation }: FrameHeader): Uint8Array {
    const place = this.#operation.incoming[rank];
    if (place === undefined || kind !== this.#operation.kind || length !== place.length)
      throw outOfStep(
        `rank ${rank} does something else: it sent ${kind} of ${length} bytes as operation ${operation}, expected ` +
          `${this.#operation.kind} of ${place?.length ?? 0}; are data and parameters the same on all ranks?`,
      );
    return place;
  }

  #checkSender(rank: number, { sender, epoch }: FrameHeader): void {
    if (sender !== rank || epoch !== this.#member.epoch)
      throw outOfStep(`rank ${rank} of epoch ${this.#member.epoch} sent a frame of rank ${sender}, epoch ${epoch}`);
  }

  #lost(rank: number, { link, arrived }: Peer, err: Error | null): void {
    if (this.#isLeaving || (link.hasLeft && arrived === this.#operation.number)) return;
    this.break(err instanceof AppError ? err.message : `the connection to rank ${rank} broke (${faultOf(err)})`);
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (err) {
      this.break(err instanceof Error ? err.message : String(err));
    }
  }

  /** @param told what the other ranks are told: the first reason goes round, not who has passed it on */
  #break(reason: string, told: string): void {
    if (this.#isBroken || this.#isLeaving) return;
    this.#isBroken = true;
    this.#stop();
    this.#events.broken(reason);
    void this.#tell(told).then(() => this.#events.told());
  }

  /** Resolves when all have read it, which they show by closing the connection, or might have. */
  async #tell(reason: string): Promise<void> {
    const links = [...[...this.#peers.values()].map(({ link }) => link), ...this.#rendezvous.greeted];
    for (const link of links) link.end('abort', cut(reason));
    await closedWithin(links, TELL_MS_MAX);
  }

  #stop(): void {
    clearInterval(this.#beat);
    this.#rendezvous.close();
  }

  /** Silence is counted in beats, not in time: a process that stood still itself has heard nobody, and hears them now. */
  #onBeat(): void {
    const { silenceMs, pingMs } = this.#limits;
    const now = performance.now();
    const stoodStillMs = now - this.#lastBeatAt;
    this.#lastBeatAt = now;
    if (stoodStillMs > silenceMs) {
      this.break(
        `this process itself stood still for ${seconds(stoodStillMs)} s, the limit is ${seconds(silenceMs)} s`,
      );
      return;
    }
    for (const [rank, { link }] of this.#peers) {
      link.quietBeats += 1;
      link.send('ping');
      if (link.quietBeats * pingMs > silenceMs && !link.hasLeft) {
        this.break(`nothing was heard of rank ${rank} for ${seconds(silenceMs)} s`);
        return;
      }
    }
  }
}

const outOfStep = (what: string): AppError => new AppError('GROUP_BROKEN', what);

const seconds = (ms: number): string => (ms / 1000).toFixed(1);

/** As much of a text as a frame may have. */
const cut = (text: string): string =>
  Buffer.from(text)
    .subarray(0, TEXT_BYTES_MAX - 3)
    .toString();

/** Waits for the end of connections, but not longer than that. */
async function closedWithin(links: readonly Link[], ms: number): Promise<void> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), ms);
  await Promise.race([late.promise, Promise.all(links.map(({ closed }) => closed))]);
  clearTimeout(timer);
}
