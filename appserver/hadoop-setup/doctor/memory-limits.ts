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

/** MiB of addresses that a worker with its task child reserves before it holds any data (docs/adr/0013-bundles.md). */
const WORKER_VIRTUAL_MIB = 2_450;

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
  const neededMb = WORKER_VIRTUAL_MIB + containerMemoryMb;
  const text = `checked: ${limitMb} MB of addresses for a container of ${containerMemoryMb} MB (ratio ${ratio}); a worker reserves up to ${neededMb} MB`;
  if (limitMb >= neededMb) return ok(text);
  const enoughMb = Math.ceil(WORKER_VIRTUAL_MIB / Math.max(ratio - 1, 0.1) / 256) * 256;
  return problem(
    text,
    `Set yarn.containerMemoryMb to ${enoughMb} or more, or yarn.nodemanager.vmem-check-enabled=false on the NodeManagers.`,
  );
}

const isOn = (text: string | null, byDefault: boolean): boolean => (text === null ? byDefault : text.trim() === 'true');
