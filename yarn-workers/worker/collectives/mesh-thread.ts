import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { AppError } from '#contracts';
import { endProcess } from '../native/process.ts';
import { openControl } from './control.ts';
import { groupBroken, viewOf } from './exchange.ts';
import { GROUP_BROKEN_EXIT } from './limits.ts';
import { Mesh } from './mesh.ts';
import type { FromMeshThread, MeshThreadData, OperationMessage, ToMeshThread } from './messages.ts';

// The program of the thread that `joinGroup` starts: it has the sockets, while the thread that trains is deep in native code.

const port = parentPort;
if (port === null) throw new AppError('INTERNAL', 'mesh: this program runs in a thread of a task child');

// Its parent is of the same program.
const { member, limits, listenHost, control: memory } = workerData as MeshThreadData;
const control = openControl(memory);
const STDERR = 2;

const tell = (message: FromMeshThread): void => port.postMessage(message);

const mesh = new Mesh(member, limits, {
  connected: () => tell({ type: 'connected' }),
  stray: (reason) => tell({ type: 'stray', reason }),
  finished: (operation) => control.finish(operation),
  told: () => control.told(),
  broken(reason) {
    control.break(reason);
    tell({ type: 'broken', reason });
    // Unless the other thread ends the process, or this one, first: it may compute for hours before it looks.
    setTimeout(() => endTogether(reason), limits.endMs);
  },
});

function endTogether(reason: string): void {
  // What a thread prints by `process.stderr` passes through the other one's event loop.
  writeSync(STDERR, `GROUP_BROKEN: ${groupBroken(member, reason).message}\n`);
  endProcess(GROUP_BROKEN_EXIT);
}

function begin(message: OperationMessage): void {
  mesh.begin({
    number: message.operation,
    kind: message.kind,
    outgoing: message.outgoingRanges.map((range) => viewOf(message.outgoing, range)),
    incoming: message.incomingRanges.map((range) => viewOf(message.incoming, range)),
  });
}

port.on('message', (message: ToMeshThread) => {
  switch (message.type) {
    case 'meet':
      mesh.meet(message.addresses);
      return;
    case 'operation':
      begin(message);
      return;
    case 'break':
      mesh.break(message.reason);
      return;
    case 'leave':
      void mesh.leave().then(() => process.exit());
      return;
  }
});

// Whatever fails here is ours, and the other thread waits.
process.on('uncaughtException', (err) => mesh.break(`its mesh failed: ${err.stack ?? err.message}`));

try {
  tell({ type: 'listening', port: await mesh.listen(listenHost) });
} catch (err) {
  mesh.break(`${listenHost} cannot be listened at: ${err instanceof Error ? err.message : String(err)}`);
}
