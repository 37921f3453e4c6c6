export { allowedAddress, checkUrl, pinnedTo, type AllowedHosts } from './allowed-hosts.ts';
export {
  followCertificate,
  readCertificate,
  rememberConnections,
  tellOfCertificate,
  type CertificateFiles,
  type CertificateOwner,
  type ServerCertificate,
} from './certificate.ts';
export { systemClock, type Clock } from './clock.ts';
export { createCollector, UNCOLLECTED_BYTES_MAX, type Collector } from './collector.ts';
export {
  createCsvReader,
  csvCell,
  parseCsv,
  tooManyColumns,
  tooManyRows,
  type CsvLimits,
  type CsvReader,
  type CsvTable,
} from './csv.ts';
export { armFailpoints, failpoint, interceptFailpoints, parseFailpoints } from './failpoint.ts';
export { HttpClient, readBody, type HttpAnswer, type HttpClientOptions, type HttpRequest } from './http-client.ts';
export { newId, randomHex, useRandomSource, type RandomSource } from './ids.ts';
export {
  issueGroupCertificates,
  rankUri,
  type GroupCertificateWish,
  type RankCertificate,
} from './group-certificates.ts';
export { createLifecycle, createProcessLifecycle, type Lifecycle, type LifecycleOptions } from './lifecycle.ts';
export {
  configFlags,
  describeConfig,
  loadConfig,
  RETIRED_KEYS,
  type ConfigOrigin,
  type LoadedConfig,
  type LoadOptions,
} from './load.ts';
export { createLogger, errorChain, type LogFields, type Logger, type LoggerOptions, type LogLevel } from './logger.ts';
export { MALLOC_ENVIRONMENT } from './malloc.ts';
export {
  bundleName,
  PACKAGE_RUNTIME_RECORD,
  packageRuntimePlace,
  PROGRAM_SOURCES,
  programFile,
  type PackageRuntimePlace,
  type ProgramName,
} from './programs.ts';
export { configReference } from './reference.ts';
export { runReportingProgram, type ReportingProgram, type TellProgress } from './reporting-program.ts';
export { configKeys, ConfigSchema, type Config, type ConfigKey } from './schema.ts';
export { KEY_FILES, readOrMakeSecret, readSecret } from './secret-file.ts';
export { isLoopback, urlOf, urlsForContainers } from './server-urls.ts';
export { packTar, TAR_BLOCK_BYTES, tarHeader, tarPadding, type TarEntry, type TarHeader } from './tar.ts';
export { certificateFault, isCertificateFault, readAuthorities, trusting } from './tls.ts';
export { PROGRAM_VERSION } from './version.ts';
