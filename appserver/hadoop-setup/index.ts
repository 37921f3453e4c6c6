export { openAdministrator, type Administrator, type AdministratorOptions } from './administrator.ts';
export { openCluster, type SetupCluster } from './cluster.ts';
export { CHECK_STATES, countStates, type Check, type CheckState, type Finding } from './doctor/check.ts';
export { examine, type DoctorOptions, type DoctorReport } from './doctor/doctor.ts';
export { judgeFreeSpace, judgeQuota } from './doctor/folders.ts';
export { judgeClocks, type ClockReading } from './doctor/clocks.ts';
export { judgeVersion } from './doctor/master-kinds.ts';
export { judgeNodes } from './doctor/nodes.ts';
export { acrossNodes, type OnNode } from './doctor/on-nodes.ts';
export { judgeMemoryLimits, judgeVirtualMemory, type NodeMemorySettings } from './doctor/memory-limits.ts';
export { judgeNodeFacts, PROBE_COMMAND, readNodeFacts, type NodeFacts } from './doctor/node-facts.ts';
export {
  judgeAdministration,
  judgeApplicationRights,
  judgeSubmit,
  mayUser,
  readQueueRights,
  type QueueRights,
  type SubmitRight,
} from './doctor/queue-rights.ts';
export { judgeEncryption } from './doctor/security.ts';
export type { AdministratorsSettings } from './install/administrators-settings.ts';
export { install, type InstallOptions, type InstallReport } from './install/install.ts';
export { readPrograms, type LocalPrograms } from './install/local-programs.ts';
export { INSTALL_FILE, Installation, readInstallation, readRuntime } from './install/manifest.ts';
export { uninstall, type UninstallOptions, type UninstallReport } from './uninstall/uninstall.ts';
