import { canonicalJson, type ManifestStep } from '#contracts';
import { columnCountOf } from '#scoring';
import type { NetworkSettings } from '../../blueprints/network-settings.ts';
import type { BoostedMember } from '../boost-members.ts';
import { memberStopAt, report, type FinishTimes } from '../clock.ts';
import type { MemberContext } from '../fit-member.ts';
import type { Member } from '../row-roles.ts';
import { stateKeeper, type StateFormat } from '../state-keeper.ts';
import { epochsOf, fitNetworkMember, networkPlace } from './fit-network-member.ts';
import {
  decodeNetworkState,
  encodeNetworkState,
  networkStateBytes,
  type FinishedNetwork,
  type NetworkState,
} from './network-state.ts';

const EMPTY_STATE: NetworkState = { finished: [], running: null };

/**
 * Fits the members' networks one after the other; with a deadline each gets an equal part of what is left. Goes on from `io.resumeFrom` if
 * it is a state of this task.
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
  const steps = members.map(stepsOf);
  const states = stateKeeper(io, stateFormat(context, steps));
  const begin = states.begin();
  const finished: FinishedNetwork[] = [...begin.finished];
  for (const [index, one] of finished.entries())
    if (one.stoppedByDeadline) context.stops.note(networkPlace(index), one.epochs);
  for (const [index, member] of [...members.entries()].slice(finished.length)) {
    const validateMs = finished.reduce((sum, one) => sum + one.lookMs, 0);
    const tell = teller(context, index);
    const resumed = index === begin.finished.length ? begin.running : null;
    await tell(resumed?.epochs ?? 0);
    finished.push(
      await fitNetworkMember(context, member, index, steps[index] ?? [], {
        stopAt: memberStopAt(io, times, validateMs, index, members.length),
        resumed,
        onTurn: tell,
        onEpoch: (running) => states.offer({ finished: [...finished], running: running() }),
      }),
    );
    await states.offer({ finished: [...finished], running: null });
  }
  return finished.map(({ network, iterations, stoppedByDeadline }, index) => ({
    steps: steps[index] ?? [],
    model: { network },
    iterations,
    stoppedByDeadline,
  }));
}

function teller({ io, roles, task, settings }: MemberContext<NetworkSettings>, index: number) {
  const count = roles.members.length;
  const epochs = task.refit?.iterations ?? epochsOf(settings, task);
  const name = count === 1 ? '' : `fold ${index + 1} of ${count}: `;
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
  const epochsMax = task.refit?.iterations ?? epochsOf(settings, task);
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
