import { canonicalJson, type ManifestStep } from '#contracts';
import { columnCountOf } from '#scoring';
import type { NetworkSettings } from '../../blueprints/network-settings.ts';
import type { BoostedMember } from '../boost-members.ts';
import { memberStopAt, report, type FinishTimes } from '../clock.ts';
import type { MemberContext } from '../fit-member.ts';
import { membersInOrder } from '../members-in-order.ts';
import type { Member } from '../row-roles.ts';
import { stateKeeper, type StateFormat } from '../state-keeper.ts';
import { epochsOf, fitNetworkMember, networkPlace, schedulePlace } from './fit-network-member.ts';
import {
  decodeNetworkState,
  encodeNetworkState,
  networkStateBytes,
  type FinishedNetwork,
  type NetworkState,
} from './network-state.ts';

const EMPTY_STATE: NetworkState = { finished: [], running: null };

/**
 * Fits the members' networks one after the other; with a deadline each gets an equal part of what is left, each copy of a refit all of it. Goes
 * on from `io.resumeFrom` if it is a state of this task.
 *
 * @param times what is needed after fitting
 */
export async function networkMembers(
  context: MemberContext<NetworkSettings>,
  stepsOf: (member: Member) => ManifestStep[],
  times: FinishTimes,
): Promise<BoostedMember[]> {
  const { io, roles } = context;
  const { members } = roles;
  const isRefit = context.task.refit !== null;
  const steps = members.map(stepsOf);
  const states = stateKeeper(io, stateFormat(context, steps));
  const begin = states.begin();
  const finished: FinishedNetwork[] = [...begin.finished];
  noteStops(context, finished);
  const memberAt = async (index: number, member: Member): Promise<FinishedNetwork> => {
    const validateMs = finished.reduce((sum, one) => sum + one.lookMs, 0);
    const tell = teller(context, index);
    const resumed = index === begin.finished.length ? begin.running : null;
    await tell(resumed?.epochs ?? 0);
    return fitNetworkMember(context, member, index, steps[index] ?? [], {
      stopAt: isRefit ? memberStopAt(io, times, 0, 0, 1) : memberStopAt(io, times, validateMs, index, members.length),
      resumed,
      onTurn: tell,
      onEpoch: (running) => states.offer({ finished: [...finished], running: running() }),
    });
  };
  await membersInOrder(context, finished, memberAt, () => states.offer({ finished: [...finished], running: null }));
  const isShort = finished.length < members.length;
  const usual = epochsOf(context.settings, context.task);
  return finished.map(({ network, iterations, stoppedByDeadline, planned }, index) => ({
    steps: steps[index] ?? [],
    model: { network },
    iterations,
    stoppedByDeadline: isShort || stoppedByDeadline || planned < usual,
  }));
}

/** What the deadline of an earlier attempt of the fit has decided. */
function noteStops(
  { stops, task, settings }: MemberContext<NetworkSettings>,
  finished: readonly FinishedNetwork[],
): void {
  const usual = epochsOf(settings, task);
  for (const [index, { stoppedByDeadline, epochs, planned }] of finished.entries()) {
    if (planned < usual) stops.note(schedulePlace(index), planned);
    if (stoppedByDeadline) stops.note(networkPlace(index), epochs);
  }
}

function teller({ io, roles, task, settings }: MemberContext<NetworkSettings>, index: number) {
  const count = roles.members.length;
  const epochs = epochsOf(settings, task);
  const name = count === 1 ? '' : `${task.refit === null ? 'fold' : 'copy'} ${index + 1} of ${count}: `;
  return async (done: number): Promise<void> => {
    const made = Math.floor(done);
    const fraction = 0.05 + (0.85 * (index + done / epochs)) / count;
    const message = `${name}epoch ${made} of ${epochs}`;
    io.onIteration?.({ fraction, phase: 'fitting', message, iteration: made });
    await report(io, fraction, 'fitting', message, made);
  };
}

/** The states of a fit of networks. */
function stateFormat(
  { task, settings, io }: MemberContext<NetworkSettings>,
  steps: readonly (readonly ManifestStep[])[],
): StateFormat<NetworkState> {
  const epochsMax = epochsOf(settings, task);
  const taskSha256 = io.sha256(new TextEncoder().encode(canonicalJson({ task })));
  return {
    empty: EMPTY_STATE,
    decode: (bytes) =>
      decodeNetworkState(bytes, { taskSha256, columnCounts: steps.map(columnCountOf), epochsMax }, io.sha256),
    encode: (state) => encodeNetworkState(state, taskSha256, io.sha256),
    positionOf: ({ finished, running }) => finished.length * (epochsMax + 1) + (running?.epochs ?? 0),
    bytesOf: networkStateBytes,
    placeOf: ({ finished, running }) => `after ${finished.length} finished members and ${running?.epochs ?? 0} epochs`,
  };
}
