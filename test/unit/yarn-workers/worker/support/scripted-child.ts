/**
 * A task child whose tasks are scripts: the `path` of an ingest task says what it does. `done`, `fail CODE BLAME`,
 * `hang` (event loop alive), `stop` (stops itself as by SIGSTOP), `family MEBIBYTES` (a process of its own that grows and
 * ignores that its parent ends), `spin` (a busy native call), `abort`, `exit N`, `grow MEBIBYTES`, `until FILE` (done once
 * the file exists), `progress`.
 */
import { spawn } from 'node:child_process';
import { existsSync, appendFileSync } from 'node:fs';

/** A program that takes so many mebibytes and stays. */
const GROWING = `
  const kept = [];
  for (let index = 0; index < Number(process.argv[1]); index += 1) kept.push(Buffer.alloc(1024 ** 2, 1));
  setInterval(() => kept.length, 1000);
`;

const kept: Buffer[] = [];
const outcome = {
  kind: 'ingest',
  table: { rowCount: 0, columns: [], files: [] },
  profile: { features: [], distinctValues: [], sampleRows: [] },
  warnings: [],
  sizeBytes: 0,
};

interface Incoming {
  readonly type: string;
  readonly runId: string;
  readonly task: { readonly spec: { readonly datasetId: string; readonly input: { readonly path: string } } };
}

const send = (message: object) => void process.send?.(message);
process.on('disconnect', () => process.exit(0));
process.on('message', (raw) => {
  const message = raw as Incoming; // sent by the supervisor under test, which checks it
  if (message.type === 'configure') send({ type: 'ready', startMs: 1 });
  if (message.type === 'leave') process.exit(0);
  if (message.type === 'run') void perform(message);
});

async function perform({ runId, task }: Incoming): Promise<void> {
  const [verb = '', first = '', second = ''] = task.spec.input.path.split(' ');
  const progress = { fraction: 0.5, phase: verb, message: `pid ${process.pid}`, iteration: 7 };
  send({ type: 'progress', runId, progress });
  send({ type: 'log', runId, lines: [`running ${verb}`] });
  const done = () => send({ type: 'done', runId, files: [], outcome, cachedDatasets: [task.spec.datasetId] });
  switch (verb) {
    case 'done':
      done();
      return;
    case 'fail': {
      const problem = {
        type: 'urn:x',
        title: first,
        status: 422,
        detail: 'scripted',
        code: first,
        errors: [],
        requestId: null,
      };
      send({ type: 'failed', runId, blame: second, problem, cachedDatasets: [] });
      return;
    }
    case 'hang':
      setInterval(() => send({ type: 'alive', runId }), 20);
      return;
    case 'stop':
      setTimeout(() => process.kill(process.pid, 'SIGSTOP'), 50);
      return;
    case 'family': {
      const { pid } = spawn(process.execPath, ['-e', GROWING, first], { stdio: 'inherit' });
      send({ type: 'log', runId, lines: [`grandchild ${pid ?? 0}`] });
      setInterval(() => send({ type: 'alive', runId }), 20);
      return;
    }
    case 'spin':
      // The message leaves before the loop is blocked.
      setTimeout(() => {
        for (;;) Math.sqrt(2);
      }, 50);
      return;
    case 'abort':
      process.abort();
      return;
    case 'exit':
      process.stderr.write('scripted last words\n', () => process.exit(Number(first)));
      return;
    case 'grow':
      for (let index = 0; index < Number(first); index += 1) kept.push(Buffer.alloc(1024 ** 2, 1));
      setInterval(() => send({ type: 'alive', runId }), 20);
      return;
    case 'until':
      while (!existsSync(first)) await new Promise((resolve) => setTimeout(resolve, 10));
      done();
      return;
    case 'invalid':
      send({ type: 'progress', runId, progress: { fraction: 7 } });
      return;
    default:
      appendFileSync('/dev/stderr', `unknown script ${verb}\n`);
      process.exit(99);
  }
}
