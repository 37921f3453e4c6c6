import { ok, problem, skipped, warning, type Finding } from './check.ts';

/** What a NodeManager is told about memory, as its `/conf` page gives it; null where a key is not set or not told. */
export interface NodeMemorySettings {
  /** `yarn.nodemanager.resource.memory.enabled`: by cgroups. @default false */
  readonly cgroups: string | null;
  /** `yarn.nodemanager.resource.memory.enforced`. @default true */
  readonly enforced: string | null;
  /** `yarn.nodemanager.pmem-check-enabled`. @default true */
  readonly physicalCheck: string | null;
  /** `yarn.nodemanager.vmem-check-enabled`. @default true */
  readonly virtualCheck: string | null;
  /** `yarn.nodemanager.vmem-pmem-ratio`. @default 2.1 */
  readonly virtualRatio: string | null;
}

/**
 * MiB of addresses that a worker with its task child reserves, and what it reserves for each MiB that it uses: an upper line over
 * what `test/bench/worker-addresses.bench.ts` measured (figures in docs/hadoop.md).
 */
const RESERVED_MIB = 1_550;
const RESERVED_PER_USED = 1.4;
/** MiB that a worker uses for the smallest of tasks. */
const SMALLEST_USE_MIB = 250;
/** Of the container's memory; a worker ends its task before it uses more. */
const USABLE_OF_CONTAINER = 0.9;

/**
 * Whether YARN ends a container that takes more memory than it asked for. Without cgroups `enforced`, which is on by
 * default, makes the NodeManager leave both of its own checks out, and nothing limits anybody.
 *
 * @see org.apache.hadoop.yarn.server.nodemanager.containermanager.monitor.ContainersMonitorImpl, checkLimit
 */
export function judgeMemoryLimits(settings: NodeMemorySettings): Finding {
  if (isOn(settings.cgroups, false)) return ok('by cgroups');
  const remedy =
    'Set yarn.nodemanager.resource.memory.enabled=true (cgroups), or yarn.nodemanager.resource.memory.enforced=false so that the NodeManager’s own check ends containers; in yarn-site.xml of the NodeManagers.';
  if (isOn(settings.enforced, true))
    return warning(
      'not enforced: no cgroups, and yarn.nodemanager.resource.memory.enforced switches the checks off',
      remedy,
    );
  if (isOn(settings.physicalCheck, true)) return ok('by the NodeManager’s check of physical memory');
  return warning('not enforced: yarn.nodemanager.pmem-check-enabled is false', remedy);
}

/** Whether a worker lives under the check of virtual memory, where that is in force. */
export function judgeVirtualMemory(settings: NodeMemorySettings, containerMemoryMb: number): Finding {
  const inForce = !isOn(settings.cgroups, false) && !isOn(settings.enforced, true) && isOn(settings.virtualCheck, true);
  if (!inForce) return ok('not checked');
  const ratio = Number(settings.virtualRatio ?? '2.1');
  if (!(ratio > 0)) return skipped(`yarn.nodemanager.vmem-pmem-ratio is ${settings.virtualRatio ?? ''}`);
  const limitMb = Math.floor(ratio * containerMemoryMb);
  const usableMb = Math.floor((limitMb - RESERVED_MIB) / RESERVED_PER_USED);
  const text = `checked: ${limitMb} MB of addresses for a container of ${containerMemoryMb} MB (ratio ${ratio})`;
  if (usableMb >= containerMemoryMb * USABLE_OF_CONTAINER) return ok(`${text}, enough to use it all`);
  const enoughMb = RESERVED_MIB / Math.max(ratio - RESERVED_PER_USED * USABLE_OF_CONTAINER, 0.1);
  const remedy = `Set yarn.containerMemoryMb to ${Math.ceil(enoughMb / 256) * 256} or more, or yarn.nodemanager.vmem-check-enabled=false on the NodeManagers.`;
  return usableMb < SMALLEST_USE_MIB
    ? problem(`${text}: a worker reserves ${RESERVED_MIB} MB, so that no task fits`, remedy)
    : warning(`${text}: tasks that use more than ${usableMb} MB of it are killed`, remedy);
}

const isOn = (text: string | null, byDefault: boolean): boolean => (text === null ? byDefault : text.trim() === 'true');
