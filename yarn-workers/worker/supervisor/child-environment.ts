import { MALLOC_ENVIRONMENT } from '#runtime';

/** Variables that a task child needs from its surroundings; nothing else is passed on, secrets least of all. */
const PASSED_ON = [
  'PATH',
  'HOME',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'LD_LIBRARY_PATH',
  ...Object.keys(MALLOC_ENVIRONMENT),
  'NODE_COMPILE_CACHE',
  'NODE_V8_COVERAGE',
  'SSL_CERT_FILE',
  'NODE_EXTRA_CA_CERTS',
  // In a container of YARN: where the cluster's settings and the user's tokens lie.
  'HADOOP_CONF_DIR',
  'HADOOP_TOKEN_FILE_LOCATION',
  'KRB5_CONFIG',
];

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
  const child: NodeJS.ProcessEnv = { OMP_NUM_THREADS: String(threadCount), ...MALLOC_ENVIRONMENT };
  for (const name of PASSED_ON) if (environment[name] !== undefined) child[name] = environment[name];
  const failpoints = environment['TRAINYARD_FAILPOINTS'];
  if (generation === 1 && failpoints !== undefined) child['TRAINYARD_FAILPOINTS'] = failpoints;
  return child;
}
