import { BINS_INDEX, BINS_ROOT, BINS_USED, binObjectOf, type ObjectEntry, type ObjectStore } from '#object-store';

/** Objects of bins that are looked at in one run at most: 64 GiB are 4,000. */
const OBJECTS_MAX = 200_000;

/** Objects that belong together: those of one set, or one that is of none. */
interface BinGroup {
  readonly objects: ObjectEntry[];
  readonly project: string;
  /** Whether somebody may read it. */
  isWhole: boolean;
  /** When it was written, or used. */
  usedAtMs: number;
  bytes: number;
}

/** What decides about tables in bins. */
export interface BinsRules {
  /** Bytes that all together may have. */
  readonly bytesMax: number;
  /** How long what is not whole is kept. */
  readonly orphanMs: number;
  /** Those of the projects that exist. */
  readonly existing: (projectIds: readonly string[]) => Promise<ReadonlySet<string>>;
  /** The store's own time; null when it cannot be read: then nothing is old. */
  readonly storeClock: () => Promise<number | null>;
  readonly signal: AbortSignal;
}

/**
 * The objects of tables in bins that go: those of projects that do not exist, those that writers who died have begun, and of the others as
 * many sets as are more than there may be, the one that was used longest ago first. Of each set the index comes first: without it nobody
 * looks for the rest.
 */
export async function unneededBins(
  store: ObjectStore,
  rules: BinsRules,
  objectsMax = OBJECTS_MAX,
): Promise<ObjectEntry[]> {
  const groups = await groupsOf(store, rules.signal, objectsMax);
  const existing = await rules.existing([...new Set(groups.map(({ project }) => project))]);
  const now = groups.every(({ isWhole }) => isWhole) ? null : await rules.storeClock();
  const isOver = ({ project, isWhole, usedAtMs }: BinGroup): boolean =>
    !existing.has(project) || (!isWhole && now !== null && usedAtMs < now - rules.orphanMs);
  const gone = groups.filter(isOver);
  const kept = groups.filter((group) => !isOver(group));
  let bytes = kept.reduce((sum, group) => sum + group.bytes, 0);
  for (const group of kept.filter(({ isWhole }) => isWhole).sort((a, b) => a.usedAtMs - b.usedAtMs)) {
    if (bytes <= rules.bytesMax) break;
    bytes -= group.bytes;
    gone.push(group);
  }
  return gone.flatMap(({ objects }) => indexFirst(objects));
}

async function groupsOf(store: ObjectStore, signal: AbortSignal, objectsMax: number): Promise<BinGroup[]> {
  const groups = new Map<string, BinGroup>();
  let count = 0;
  let name = '';
  for await (const entry of store.list(BINS_ROOT, { signal })) {
    if ((count += 1) > objectsMax) {
      // Of this one there may be more.
      groups.delete(name);
      break;
    }
    const object = binObjectOf(entry.path);
    name = object?.set ?? entry.path;
    const group = groups.get(name) ?? {
      ...{ objects: [], isWhole: false, usedAtMs: 0, bytes: 0 },
      project: entry.path.split('/')[1] ?? '',
    };
    groups.set(name, group);
    group.objects.push(entry);
    group.isWhole ||= object?.part === BINS_INDEX;
    group.usedAtMs = Math.max(group.usedAtMs, entry.modifiedAt.getTime());
    group.bytes += entry.sizeBytes;
  }
  return [...groups.values()];
}

const orderOf = ({ path }: ObjectEntry): number => {
  const part = binObjectOf(path)?.part ?? '';
  return part === BINS_INDEX ? 0 : part.startsWith(BINS_USED) ? 2 : 1;
};

const indexFirst = (objects: readonly ObjectEntry[]): ObjectEntry[] =>
  [...objects].sort((a, b) => orderOf(a) - orderOf(b));
