import { fieldOf, listOf, textOf } from '../fields.ts';
import { ok, problem, skipped, warning, type Finding } from './check.ts';

/** Lists of users and groups (`alice,bob group1`, `*` for everybody) on the way from the root to a queue, in that order. */
export interface QueueRights {
  readonly path: string;
  readonly submit: readonly string[];
  readonly administer: readonly string[];
}

const DEPTH_MAX = 20;

/**
 * The access lists of `GET /ws/v1/cluster/scheduler` (CapacityScheduler of Hadoop 3.3 and later); null where the scheduler
 * does not tell them. A right of a queue above is one of the queue.
 */
export function readQueueRights(json: unknown, queue: string): QueueRights | null {
  const root = fieldOf(fieldOf(json, 'scheduler'), 'schedulerInfo');
  if (textOf(root, 'type') !== 'capacityScheduler') return null;
  const way = wayTo(root, queue, 0);
  if (way === null) return null;
  const lists = (kind: string): string[] => way.flatMap((node) => accessList(node, kind) ?? []);
  const submit = lists('SUBMIT_APP');
  const administer = lists('ADMINISTER_QUEUE');
  if (administer.length < way.length) return null;
  return { path: textOf(way.at(-1), 'queuePath') ?? queue, submit, administer };
}

function wayTo(node: unknown, queue: string, depth: number): unknown[] | null {
  const isIt = [textOf(node, 'queuePath'), textOf(node, 'queueName')].includes(queue);
  const children = listOf(node, 'queues', 'queue');
  if (isIt && children.length === 0) return [node];
  if (depth >= DEPTH_MAX) return null;
  for (const child of children) {
    const way = wayTo(child, queue, depth + 1);
    if (way !== null) return [node, ...way];
  }
  return null;
}

function accessList(node: unknown, kind: string): string | null {
  const entry = listOf(node, 'queueAcls', 'queueAcl').find((one) => textOf(one, 'accessType') === kind);
  return textOf(entry, 'accessControlList');
}

type Verdict = 'yes' | 'no' | 'by group';

/** Whether a user is in one of the lists; groups of a user are known to the ResourceManager alone. */
export function mayUser(user: string, lists: readonly string[]): Verdict {
  const parts = lists.map((list) => {
    const [users = '', groups = ''] = list.split(' ');
    return { users: users.split(','), groups: groups.split(',').filter((group) => group !== '') };
  });
  if (parts.some(({ users }) => users.includes('*') || users.includes(user))) return 'yes';
  return parts.some(({ groups }) => groups.length > 0) ? 'by group' : 'no';
}

/** What is known of a user's right to submit to a queue. */
export interface SubmitRight {
  readonly user: string;
  readonly queue: string;
  /** `yarn.acl.enable`; null where it cannot be read. */
  readonly enabled: boolean | null;
  /** The ResourceManager's own answer, which it gives to administrators of the queue alone. */
  readonly allowed: boolean | null;
  readonly rights: QueueRights | null;
}

/** Who may submit: as the ResourceManager says, else as far as the lists say it. */
export function judgeSubmit({ user, queue, enabled, allowed, rights }: SubmitRight): Finding {
  const path = rights?.path ?? queue;
  if (enabled === false)
    return ok(`everybody may submit to ${path}: yarn.acl.enable is false, so no list is looked at`);
  if (allowed === true) return ok(`${user} may submit to ${path}, says the ResourceManager`);
  if (allowed === false) return mayNot(user, path);
  if (rights === null) return skipped('the scheduler does not tell who may submit; the probe container shows it');
  const { submit } = rights;
  switch (mayUser(user, [...submit, ...rights.administer])) {
    case 'yes':
      return ok(`${user} may submit to ${path}`);
    case 'by group':
      return ok(`${path}: members of ${groupsOf(submit)} may submit; the probe container shows whether ${user} is one`);
    case 'no':
      return mayNot(user, path);
  }
}

const mayNot = (user: string, path: string): Finding =>
  problem(
    `${user} may not submit to ${path}`,
    `Add ${user} to yarn.scheduler.capacity.${path}.acl_submit_applications (FairScheduler: aclSubmitApps of the queue), then yarn rmadmin -refreshQueues; or choose another queue by yarn.queue.`,
  );

const groupsOf = (lists: readonly string[]): string =>
  lists
    .map((list) => list.split(' ')[1] ?? '')
    .filter((text) => text !== '')
    .join(', ') || 'no group';

/** By default everybody may administer the root queue, and so end and move the applications of all others. */
export function judgeAdministration(rights: QueueRights | null): Finding {
  if (rights === null) return skipped('the scheduler does not tell who may administer its queues');
  const open = rights.administer.some((list) => list.trim() === '*');
  if (!open) return ok(`only those named may administer ${rights.path}`);
  return warning(
    `everybody may administer ${rights.path} (acl_administer_queue is *), and so end every application`,
    'Set yarn.scheduler.capacity.root.acl_administer_queue to the administrators, then yarn rmadmin -refreshQueues.',
  );
}

/** @param enabled `yarn.acl.enable` of the ResourceManager; null where it does not tell */
export function judgeApplicationRights(enabled: boolean | null): Finding {
  if (enabled === null) return skipped('the ResourceManager’s /conf page cannot be read');
  if (enabled) return ok('applications have access lists');
  return warning(
    'yarn.acl.enable is false: everybody may see and end every application',
    'Set yarn.acl.enable=true in yarn-site.xml of the ResourceManager.',
  );
}
