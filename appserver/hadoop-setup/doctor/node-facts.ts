import { ok, problem, skipped, warning, type Check, type Finding } from './check.ts';
import { acrossNodes } from './on-nodes.ts';

/** What a container said about its node. */
export interface NodeFacts {
  /** `2.36`. */
  readonly glibc: string;
  /** `x86_64`; null where only the exit code came back. */
  readonly machine: string | null;
  /** Account of the operating system in which containers of the user run. */
  readonly account: string | null;
  /** First line of `java -version`. */
  readonly java: string | null;
}

const EXIT_CODE_BASE = 40;
const MARK = 'TRAINYARD-PROBE';

/**
 * Command of a container that tells about its node and ends with 40 + the minor version of glibc. What it writes to
 * standard error comes back with YARN's diagnostics, the exit code also where a site hides the former. The dollar signs are
 * escaped from the shell in which YARN runs it.
 */
export const PROBE_COMMAND = [
  String.raw`/bin/sh -c 'v=\$(getconf GNU_LIBC_VERSION 2>/dev/null);`,
  String.raw`(echo ${MARK}; echo glibc=\$v; echo machine=\$(uname -m); echo account=\$(id -un);`,
  String.raw`echo java=\$(\$JAVA_HOME/bin/java -version 2>&1 | head -n 1)) >&2;`,
  String.raw`exit \$((${EXIT_CODE_BASE}+\${v##*.}))' 1><LOG_DIR>/stdout 2><LOG_DIR>/stderr`,
].join(' ');

/** Reads what {@link PROBE_COMMAND} said from an application's diagnostics; null where nothing of it is there. */
export function readNodeFacts(diagnostics: string): NodeFacts | null {
  const value = (name: string): string | null => {
    const said = diagnostics.includes(MARK) ? diagnostics.slice(diagnostics.indexOf(MARK)) : '';
    return new RegExp(`^${name}=(.+)$`, 'm').exec(said)?.[1]?.trim() ?? null;
  };
  const glibc = /(\d+\.\d+)/.exec(value('glibc') ?? '')?.[1];
  const code = Number(/exit ?code: ?(\d+)/i.exec(diagnostics)?.[1]);
  const minor = code - EXIT_CODE_BASE;
  if (glibc === undefined && !(minor > 0 && minor < 80)) return null;
  return {
    glibc: glibc ?? `2.${minor}`,
    machine: value('machine'),
    account: value('account'),
    java: value('java'),
  };
}

/** What a worker needs (`scripts/bundle` measures it; docs/adr/0013-bundles.md). */
export const GLIBC_FLOOR = '2.28';

/** What one container told. */
export interface FactsOfNode {
  readonly node: string;
  readonly facts: NodeFacts;
}

export interface NodeExpectations {
  /** Of the installed worker. */
  readonly glibcFloor: string;
  /** Who submitted the containers. */
  readonly user: string;
  readonly isSecured: boolean;
  /** Nodes that run. */
  readonly total: number;
}

/** The rows of a probe that came back from at least one node. */
export function judgeNodeFacts(all: readonly FactsOfNode[], expected: NodeExpectations): Check[] {
  const { glibcFloor, user, isSecured, total } = expected;
  const judge = (name: string, look: (facts: NodeFacts) => Finding): Check => ({
    name,
    ...acrossNodes(
      all.map(({ node, facts }) => ({ node, finding: look(facts) })),
      total,
    ),
  });
  return [
    judge('glibc', (facts) => judgeGlibc(facts, glibcFloor)),
    judge('java on nodes', ({ java }) => judgeJava(java)),
    judge('container account', ({ account }) => judgeAccount(account, user, isSecured)),
  ];
}

const ONLY_CODE = 'only the exit code came back';

function judgeGlibc({ glibc, machine }: NodeFacts, floor: string): Finding {
  const remedy = `Use nodes with an x86-64 Linux of glibc ${floor} or later (RHEL 8, Debian 10, Ubuntu 20.04), or a node label for such (yarn.nodeLabel).`;
  const text = `glibc ${glibc}${machine === null ? '' : ` on ${machine}`}, needs ${floor} on x86_64`;
  const fits = minorOf(glibc) >= minorOf(floor) && (machine === null || machine === 'x86_64');
  return fits ? ok(text) : problem(text, remedy);
}

const minorOf = (version: string): number => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major * 1000 + minor;
};

/** The application master needs Java 8 or later; Hadoop itself needs it too. */
function judgeJava(java: string | null): Finding {
  if (java === null) return skipped(ONLY_CODE);
  const version = /version "(1\.)?(\d+)/.exec(java)?.[2];
  if (version !== undefined && Number(version) >= 8) return ok(java);
  return problem(
    `expected Java 8 or later in JAVA_HOME, found ${java}`,
    'Set JAVA_HOME in yarn-env.sh of the NodeManagers.',
  );
}

function judgeAccount(account: string | null, user: string, isSecured: boolean): Finding {
  if (account === null) return skipped(ONLY_CODE);
  if (account === user) return ok(`containers of ${user} run as ${account}`);
  const text = `containers of ${user} run as ${account}, as those of everybody`;
  const remedy =
    'Use the LinuxContainerExecutor with Kerberos (yarn.nodemanager.container-executor.class): otherwise containers can read each other’s files and tokens.';
  return isSecured ? warning(text, remedy) : ok(`${text} (no Kerberos)`);
}
