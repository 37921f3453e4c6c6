import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { readFrames, soundLength, type SegmentFacts } from '#telemetry';

/**
 * A closed segment on the disk: its frames as they were written (`.raw`), or sealed (`.seg`). Names sort as segments were
 * begun: start of the epoch in milliseconds, epoch, number of the segment.
 */
export interface SpoolFile {
  /** Without extension. */
  readonly name: string;
  readonly isSealed: boolean;
  readonly sizeBytes: number;
}

const NAME = /^(\d{15}-([0-9a-f]{32})-(\d{10}))\.(raw|seg)$/;

export const fileName = (startedAtMs: number, epoch: string, segment: number): string =>
  `${String(startedAtMs).padStart(15, '0')}-${epoch}-${String(segment).padStart(10, '0')}`;

export const pathOf = (dir: string, { name, isSealed }: Pick<SpoolFile, 'name' | 'isSealed'>): string =>
  path.join(dir, `${name}.${isSealed ? 'seg' : 'raw'}`);

/**
 * What a spool holds when it is opened, oldest first. Left-overs of sealing are removed: a half-written sealed file, and the raw
 * one beside a whole one.
 */
export function listSpool(dir: string): SpoolFile[] {
  const names = readdirSync(dir);
  const there = new Set(names);
  const files: SpoolFile[] = [];
  for (const entry of names.sort()) {
    const [, name, , , extension] = NAME.exec(entry) ?? [];
    const isLeftOver = entry.endsWith('.tmp') || (extension === 'raw' && there.has(`${name ?? ''}.seg`));
    if (isLeftOver) rmSync(path.join(dir, entry), { force: true });
    else if (name !== undefined)
      files.push({ name, isSealed: extension === 'seg', sizeBytes: statSync(path.join(dir, entry)).size });
  }
  return files;
}

/** Frames of a raw segment without a torn tail. */
export interface RawSegment {
  readonly frames: Buffer;
  /** Null when there is no frame that says a number. */
  readonly facts: SegmentFacts | null;
  /** Bytes of a write that the process did not live to end: nothing of it had been answered. */
  readonly tornBytes: number;
}

/** @throws TELEMETRY_INVALID when what was written whole is not right */
export function readRaw(dir: string, file: SpoolFile, serverId: string): RawSegment {
  const place = pathOf(dir, file);
  const bytes = readFileSync(place);
  const frames = bytes.subarray(0, soundLength(bytes));
  const [, , epoch = '', segment = '0'] = NAME.exec(path.basename(place)) ?? [];
  let [firstNumber, endNumber] = [Infinity, -1];
  for (const frame of readFrames(frames)) {
    if (frame.kind === 'events' || frame.kind === 'loss') {
      firstNumber = Math.min(firstNumber, frame.firstNumber);
      endNumber = Math.max(endNumber, frame.firstNumber + frame.count);
    } else if (frame.kind === 'end' || frame.kind === 'service') {
      const number = frame.kind === 'end' ? frame.endNumber : frame.nextNumber;
      firstNumber = Math.min(firstNumber, number);
      endNumber = Math.max(endNumber, number);
    }
  }
  const createdAtMs = Math.floor(statSync(place).mtimeMs);
  return {
    frames,
    facts: endNumber < 0 ? null : { serverId, epoch, segment: Number(segment), firstNumber, endNumber, createdAtMs },
    tornBytes: bytes.length - frames.length,
  };
}
