import { AppError, type ContainerSize, type LaunchResource } from '#contracts';

/** An application to be submitted: its first container, the application master, and how YARN is to treat it. */
export interface Submission {
  readonly applicationId: string;
  readonly name: string;
  readonly type: string;
  /** Name of a leaf queue, or its whole path from `root`. */
  readonly queue: string;
  /** Higher goes first inside the queue. @default 0 */
  readonly priority?: number;
  /** Put into lower case, as YARN does: at most 10 of 100 ASCII characters. */
  readonly tags: readonly string[];
  /** Attempts of the application master; the cluster's own limit (2 by default) is the upper bound. */
  readonly attemptsMax: number;
  /** Failed attempts older than this do not count. */
  readonly attemptFailuresValidityMs: number;
  readonly master: ContainerSize;
  /** Run by `bash -c "exec ..."`: no double quotes. */
  readonly command: string;
  /** Written into the launch script: no secret. */
  readonly environment: Readonly<Record<string, string>>;
  readonly resources: readonly LaunchResource[];
  /** Tokens by alias, as `Token.encodeToUrlString` writes them; the ResourceManager renews them at once. */
  readonly tokens: Readonly<Record<string, string>>;
  /** Handed over in the token file of every container. */
  readonly secrets: Readonly<Record<string, Uint8Array>>;
  /** `user1,user2 group1`: who may see and end it besides its owner and the queue's administrators. */
  readonly viewers: string;
  readonly modifiers: string;
  /** Of the application master and, unless a request says otherwise, of all containers. */
  readonly nodeLabel?: string;
  /**
   * The next attempt of an application master goes to another node than one on which an attempt failed, whatever the
   * cluster's own setting. @default false
   */
  readonly avoidsFailedNodes?: boolean;
  /** Files that are aggregated while the application runs, as a regular expression. */
  readonly rolledLogPattern?: string;
}

/** Until all nodes but one are avoided. */
const AVOIDS_ALL = { 'am-black-listing-enabled': true, 'disable-failure-threshold': 1 };
const TAGS_MAX = 10;
const TAG = /^[\x21-\x7e]{1,100}$/;

type Entries = { readonly entry: readonly { readonly key: string; readonly value: unknown }[] };

/**
 * The body of `POST /ws/v1/cluster/apps`; maps are lists of `entry`.
 * @throws YARN_REQUEST_REFUSED for what YARN would refuse or, worse, misread: a double quote in the command, a bad tag
 * @see org.apache.hadoop.yarn.server.resourcemanager.webapp.dao.ApplicationSubmissionContextInfo
 */
export function submissionBody(submission: Submission): Readonly<Record<string, unknown>> {
  checkSubmission(submission);
  const { nodeLabel, rolledLogPattern, avoidsFailedNodes = false } = submission;
  return {
    'application-id': submission.applicationId,
    'application-name': submission.name,
    'application-type': submission.type,
    queue: submission.queue,
    priority: submission.priority ?? 0,
    'application-tags': { tag: submission.tags.map((tag) => tag.toLowerCase()) },
    'max-app-attempts': submission.attemptsMax,
    'attempt-failures-validity-interval': submission.attemptFailuresValidityMs,
    'keep-containers-across-application-attempts': true,
    'unmanaged-AM': false,
    resource: { memory: submission.master.memoryMb, vCores: submission.master.vcores },
    'am-container-spec': masterContainer(submission),
    ...(nodeLabel === undefined ? {} : { 'app-node-label-expression': nodeLabel }),
    ...(avoidsFailedNodes ? { 'am-black-listing-requests': AVOIDS_ALL } : {}),
    ...(rolledLogPattern === undefined
      ? {}
      : { 'log-aggregation-context': { 'rolled-log-include-pattern': rolledLogPattern } }),
  };
}

function masterContainer(submission: Submission): Readonly<Record<string, unknown>> {
  return {
    commands: { command: submission.command },
    environment: entries(submission.environment),
    'local-resources': {
      entry: submission.resources.map((file) => ({
        key: file.name,
        value: {
          resource: file.url,
          type: file.type,
          visibility: file.visibility,
          size: file.sizeBytes,
          timestamp: file.modifiedAtMs,
        },
      })),
    },
    credentials: {
      tokens: entries(submission.tokens),
      secrets: {
        entry: Object.entries(submission.secrets).map(([key, bytes]) => ({
          key,
          value: Buffer.from(bytes).toString('base64'),
        })),
      },
    },
    'application-acls': entries({ VIEW_APP: submission.viewers, MODIFY_APP: submission.modifiers }),
  };
}

function entries(record: Readonly<Record<string, string>>): Entries {
  return { entry: Object.entries(record).map(([key, value]) => ({ key, value })) };
}

function checkSubmission({ command, tags, environment, secrets }: Submission): void {
  const refuse = (message: string): never => {
    throw new AppError('YARN_REQUEST_REFUSED', `submission: ${message}`);
  };
  if (command.includes('"')) refuse('command: expected no double quote, which ends the text that bash is given');
  if (tags.length > TAGS_MAX) refuse(`tags: expected at most ${TAGS_MAX}, found ${tags.length}`);
  const bad = tags.find((tag) => !TAG.test(tag) || tag.includes(','));
  if (bad !== undefined) refuse(`tags: expected 1 to 100 visible ASCII characters without a comma, found '${bad}'`);
  for (const [name, bytes] of Object.entries(secrets)) {
    const text = Buffer.from(bytes).toString('utf8');
    const leaks = text !== '' && [command, ...Object.values(environment)].some((value) => value.includes(text));
    if (leaks) refuse(`the secret ${name} stands in the command or environment, which are written to disk`);
  }
}
