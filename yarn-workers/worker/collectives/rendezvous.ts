import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type PeerCertificate, type Server, type TLSSocket } from 'node:tls';
import { AppError } from '#contracts';
import { certificateFault, rankUri } from '#runtime';
import { TEXT_BYTES_MAX, type FrameHeader } from './frame.ts';
import type { GroupLimits } from './limits.ts';
import { faultOf, Link } from './link.ts';
import type { Membership, RankAddress } from './messages.ts';

/** Connections that are not of the group's ranks may be open at once, until `helloMs` ends them. */
const STRAYS_MAX = 64;
/** So many refused connections are told of. */
const STRAYS_TOLD_MAX = 100;
const RETRY_MS = 250;

export interface RendezvousEvents {
  /** A rank is who it says, and is connected; called once a rank. Its link has its handler yet to be given. */
  linked(peer: number, link: Link): void;
  /** A connection was refused; told of the first ones only. */
  stray(reason: string): void;
  failed(reason: string): void;
}

/**
 * How the ranks of a group find each other: each listens, and connects to those of lower rank. Both sides verify that the
 * other's certificate is of the group's own authority and names the rank; the one that connects also says group, size and
 * epoch. What does not fit is refused, and told why if its certificate is of the group; anybody else is told nothing.
 */
export class Rendezvous {
  readonly #member: Membership;
  readonly #limits: GroupLimits;
  readonly #events: RendezvousEvents;
  readonly #server: Server;
  readonly #linked = new Set<number>();
  readonly #greeted = new Set<Link>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isClosed = false;
  #strayCount = 0;
  /** Why connections were tried again, by rank. */
  readonly #faults = new Map<number, string>();

  constructor(member: Membership, limits: GroupLimits, events: RendezvousEvents) {
    this.#member = member;
    this.#limits = limits;
    this.#events = events;
    const server = createServer({ ...this.#tls(), requestCert: true, handshakeTimeout: limits.helloMs }, (socket) =>
      this.#receive(socket),
    );
    server.maxConnections = member.size + STRAYS_MAX;
    server.on('tlsClientError', (err, socket) => {
      this.#stray(faultOf(err));
      socket.destroy();
    });
    this.#server = server;
  }

  /** @returns the port @throws Error when the address cannot be listened at */
  async listen(host: string): Promise<number> {
    this.#server.listen(0, host);
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port; // it listens on TCP
  }

  /** Connects to the ranks below, and gives up if not all are there in time. @param addresses one a rank */
  meet(addresses: readonly RankAddress[]): void {
    // The others may all have connected to this rank before it learned where they are.
    if (this.#isClosed) return;
    const { rank, size } = this.#member;
    const { rendezvousMs } = this.#limits;
    this.#later(rendezvousMs, () => {
      const absent = Array.from({ length: size }, (_, peer) => peer).filter(
        (peer) => peer !== rank && !this.#linked.has(peer),
      );
      const faults = absent.flatMap((peer) => this.#faults.get(peer) ?? []);
      const why = faults.length === 0 ? '' : ` (${faults.join(', ')})`;
      this.#events.failed(`absent after ${rendezvousMs / 1000} s: rank ${absent.join(', ')}${why}`);
    });
    for (const [peer, address] of addresses.entries()) if (peer < rank) this.#connect(peer, address);
  }

  /** Listens and tries no more. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#server.close();
  }

  /** Links over which this rank has said hello and is not answered yet: the other one may think that they are connected. */
  get greeted(): readonly Link[] {
    return [...this.#greeted];
  }

  #tls() {
    const { authority, certificate, key } = this.#member.certificates;
    return { ca: authority, cert: certificate, key, rejectUnauthorized: true, minVersion: 'TLSv1.3' } as const;
  }

  #later(ms: number, action: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }

  /** One that connects has a certificate of the group's authority by now. */
  #receive(socket: TLSSocket): void {
    const refuse = (reason: string): void => {
      this.#stray(reason);
      link.handler = { ...silent, take: () => undefined };
      link.end('refusal', reason.slice(0, TEXT_BYTES_MAX));
    };
    const timer = setTimeout(() => link.close(), this.#limits.helloMs);
    const link = new Link(socket, this.#member, {
      ...silent,
      take: (header, payload) => {
        const reason = this.#objection(header, payload, socket.getPeerX509Certificate()?.subjectAltName);
        if (reason !== null) {
          refuse(reason);
          return;
        }
        clearTimeout(timer);
        link.send('welcome');
        this.#link(header.sender, link);
      },
      lost: (err) => {
        link.close();
        this.#stray(faultOf(err));
      },
    });
  }

  /** Why a hello is not accepted; null if it is. */
  #objection({ kind, epoch, sender }: FrameHeader, payload: Uint8Array, name: string | undefined): string | null {
    const { rank, size, groupId, epoch: ownEpoch } = this.#member;
    if (kind !== 'hello') return `it began with ${kind}, expected hello`;
    const said = Buffer.from(payload).toString();
    if (said !== helloText(this.#member)) return `it said ${said}, expected ${helloText(this.#member)}`;
    if (name !== `URI:${rankUri(groupId, sender)}`)
      return `it said rank ${sender}, its certificate is of ${name ?? 'nobody'}`;
    if (epoch !== ownEpoch) return `rank ${sender} is of epoch ${epoch}, the group is in epoch ${ownEpoch}`;
    if (sender <= rank || sender >= size) return `rank ${sender} does not connect to rank ${rank} of ${size}`;
    if (this.#linked.has(sender)) return `rank ${sender} is connected already`;
    return this.#isClosed ? 'the group does not wait any more' : null;
  }

  #connect(peer: number, address: RankAddress): void {
    const { groupId } = this.#member;
    const socket = connect({
      ...this.#tls(),
      ...address,
      checkServerIdentity: (_, certificate) => nameFault(certificate, rankUri(groupId, peer)),
    });
    socket.setTimeout(this.#limits.helloMs, () => socket.destroy(new Error('no answer')));
    socket.once('secureConnect', () => {
      this.#greeted.add(link);
      link.send('hello', 0, Buffer.from(helloText(this.#member)));
    });
    const link = new Link(socket, this.#member, {
      place: silent.place,
      take: ({ kind }, payload) => {
        if (kind !== 'welcome') throw new Refused(`it answered ${kind}: ${Buffer.from(payload).toString()}`);
        socket.setTimeout(0);
        this.#greeted.delete(link);
        this.#link(peer, link);
      },
      lost: (err) => {
        link.close();
        this.#greeted.delete(link);
        this.#tryAgain(peer, address, err);
      },
    });
  }

  /** Unless what went wrong will do so again. */
  #tryAgain(peer: number, address: RankAddress, err: Error | null): void {
    if (this.#isClosed) return;
    const final = err === null ? null : finalFault(err);
    if (final !== null) {
      this.#events.failed(`rank ${peer} at ${address.host}:${address.port}: ${final}`);
      return;
    }
    this.#faults.set(peer, `${address.host}:${address.port}: ${faultOf(err)}`);
    this.#later(RETRY_MS, () => this.#connect(peer, address));
  }

  #stray(reason: string): void {
    this.#strayCount += 1;
    if (this.#strayCount <= STRAYS_TOLD_MAX) this.#events.stray(reason);
  }

  #link(peer: number, link: Link): void {
    this.#linked.add(peer);
    this.#events.linked(peer, link);
  }
}

/** A rank of the group said no. */
class Refused extends Error {}

/** The hello of every rank of a group. */
const helloText = ({ groupId, size }: Membership): string => JSON.stringify({ groupId, size });

/** What is not yet known to be a rank sends no blocks, and its end is of no consequence. */
const silent = {
  place: (): never => {
    throw new AppError('GROUP_BROKEN', 'a block came before the welcome');
  },
  lost: () => undefined,
};

function nameFault({ subjectaltname }: PeerCertificate, expected: string): Error | undefined {
  if (subjectaltname === `URI:${expected}`) return undefined;
  const err = new Error(`${String(subjectaltname)}, expected URI:${expected}`);
  return Object.assign(err, { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
}

/** Why no further try can succeed; null if one may. */
function finalFault(err: Error): string | null {
  if (err instanceof Refused) return err.message;
  const fault = certificateFault(err, 'the authority of this group');
  if (fault !== null) return fault;
  return 'code' in err && String(err.code).startsWith('ERR_SSL_') ? `TLS failed (${String(err.code)})` : null;
}
