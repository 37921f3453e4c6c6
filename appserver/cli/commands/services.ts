import { spawn } from 'node:child_process';
import { configFlags, type ProgramName } from '#runtime';
import type { Command, CommandContext } from '../command.ts';
import { programArguments } from '../up/programs.ts';
import { startPlatform } from '../up/up.ts';

/** Short flags of the services and the configuration keys that they set. */
const SHORT_FLAGS: Readonly<Record<string, string>> = {
  '--data-dir': '--dataDir',
  '--port': '--server.port',
  '--prediction-port': '--predictionServer.port',
  '--workers': '--up.workers',
  '--log-level': '--log.level',
};

/** `--port 1` and `--port=1` as the configuration key; dotted keys stay. */
export function withKeys(argv: readonly string[]): string[] {
  return argv.map((word) => {
    const [name = '', ...value] = word.split('=');
    const key = SHORT_FLAGS[name];
    return key === undefined ? word : [key, ...value].join('=');
  });
}

async function up(argv: readonly string[], { output }: CommandContext): Promise<number> {
  const { flags, file } = configFlags(withKeys(argv));
  const platform = await startPlatform(flags, file);
  const ended = new Promise<void>((resolve) => platform.lifecycle.signal.addEventListener('abort', () => resolve()));
  output.note(`Trainyard is starting; logs are in ${platform.config.dataDir}/logs`);
  try {
    await platform.ready();
  } catch (err) {
    if (platform.lifecycle.signal.aborted) await new Promise(() => undefined); // the lifecycle ends the process
    await platform.lifecycle.close('not ready');
    throw err;
  }
  output.result({ url: platform.url, dataDir: platform.config.dataDir, pids: platform.pids() }, () =>
    [`Trainyard is ready: ${platform.url}/`, `data folder: ${platform.config.dataDir}`, 'Ctrl-C stops it.'].join('\n'),
  );
  await ended;
  const restarts = Object.entries(platform.restartCounts()).filter(([, count]) => count > 0);
  if (restarts.length > 0)
    output.note(`started again since: ${restarts.map(([name, count]) => `${name} ${count} times`).join(', ')}`);
  await new Promise(() => undefined); // the lifecycle ends the process once everything is closed
  return 0;
}

/** Runs one service program in the foreground: its exit code is ours, our signals are its. */
async function runProgram(name: ProgramName, argv: readonly string[]): Promise<number> {
  const { flags, file } = configFlags(withKeys(argv));
  const child = spawn(
    process.execPath,
    programArguments(name, file === undefined ? flags : { ...flags, config: file }),
    {
      stdio: ['pipe', 'inherit', 'inherit'],
      env: { ...process.env, TRAINYARD_PARENT_WATCH: '1' },
    },
  );
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
}

const service = (path: string, summary: string, run: Command['run']): Command => ({
  path,
  usage: '[--data-dir DIR] [--port P] [--key.name VALUE ...]',
  summary,
  flags: {},
  isService: true,
  run,
});

export const serviceCommands: readonly Command[] = [
  {
    ...service('up', 'run the whole platform on this machine', up),
    usage: '[--data-dir DIR] [--port P] [--prediction-port Q] [--workers N]',
  },
  service('server', 'run the app server', (argv) => runProgram('server', argv)),
  service('worker', 'run a worker', (argv) => runProgram('worker', argv)),
  service('prediction-server', 'run a prediction server', (argv) => runProgram('prediction-server', argv)),
  service('monitor', 'run a monitor', (argv) => runProgram('monitor', argv)),
];
