/**
 * The C library's heaps: it would make up to eight a processor, and keep what it has grown each to. Two are enough for the threads of
 * LightGBM and DuckDB; and what is larger than a MiB, which is most of the data, is given back to the system when it is freed: by default
 * that limit moves up to 32 MiB.
 *
 * @see man mallopt
 */
const MALLOC = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '1048576', MALLOC_TRIM_THRESHOLD_: '1048576' };

/** Variables that a task child needs from its surroundings; nothing else is passed on, secrets least of all. */
const PASSED_ON = [
  'PATH',
  'HOME',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'LD_LIBRARY_PATH',
  'MALLOC_ARENA_MAX',
  'MALLOC_MMAP_THRESHOLD_',
  'MALLOC_TRIM_THRESHOLD_',
  'NODE_COMPILE_CACHE',
  'NODE_V8_COVERAGE',
  'SSL_CERT_FILE',
  'NODE_EXTRA_CA_CERTS',
  // In a container of YARN: where the cluster's settings and the user's tokens lie.
  'HADOOP_CONF_DIR',
  'HADOOP_TOKEN_FILE_LOCATION',
  'KRB5_CONFIG',
] as const;

/**
 * Environment of a task child. Failpoints are armed in the first child of a worker only, so that a point in the child
 * acts once and not in each replacement.
 *
 * @param generation 1 for the first child of this worker
 */
export function childEnvironment(
  environment: NodeJS.ProcessEnv,
  { generation, threadCount }: { generation: number; threadCount: number },
): NodeJS.ProcessEnv {
  const child: NodeJS.ProcessEnv = { OMP_NUM_THREADS: String(threadCount), ...MALLOC };
  for (const name of PASSED_ON) if (environment[name] !== undefined) child[name] = environment[name];
  const failpoints = environment['TRAINYARD_FAILPOINTS'];
  if (generation === 1 && failpoints !== undefined) child['TRAINYARD_FAILPOINTS'] = failpoints;
  return child;
}
