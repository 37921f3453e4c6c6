import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireProgram } from '../../../support/hadoop/prerequisites.ts';
import { mavenLibrary } from '../../../support/maven.ts';
import { pythonOf } from '../../../support/python.ts';
import { until } from '../../../support/serving/call.ts';
import type { Requests } from '../../../support/serving/load.ts';
import { startProgram, type Program } from '../programs.ts';
import { encodedRow, jsonRequests, type Row } from '../rows.ts';

/** Another way to serve trees. */
export interface Rival {
  readonly name: string;
  readonly requests: (rows: readonly Row[]) => Requests;
  /** What has to be there is installed the first time, into the cache folder. */
  readonly start: () => Promise<Program>;
}

const FOLDER = path.dirname(fileURLToPath(import.meta.url));
const LIGHTGBM = 'lightgbm==4.7.0';
const MLFLOW_VERSION = '3.17.2';
const MLSERVER_VERSION = '1.7.1';
const MOJO_VERSION = '3.46.0.6';
const READY_TIMEOUT_MS = 180_000;

const COLUMNS = (row: Row): readonly string[] => Object.keys(row);

/**
 * MLflow and MLServer get the row encoded already, which spares them what encoding costs in Python. MLServer predicts in its own process
 * (`parallel_workers` 0): with a process beside it, its default, it was slower on one core.
 */
export const RIVALS: readonly Rival[] = [
  {
    name: `MLflow ${MLFLOW_VERSION}`,
    requests: (rows) =>
      jsonRequests(
        '/invocations',
        rows.map((row) => ({ dataframe_split: { columns: COLUMNS(row), data: [encodedRow(row)] } })),
      ),
    start: () =>
      startPython('mlflow', [`mlflow==${MLFLOW_VERSION}`, LIGHTGBM, 'pandas'], '/ping', (bin, model, port) => ({
        words: [path.join(bin, 'mlflow'), 'models', 'serve', '-m', model, '-h', '127.0.0.1', '-p', `${port}`, '--env-manager', 'local', '-w', '1'], // prettier-ignore
        env: {},
      })),
  },
  {
    name: `MLServer ${MLSERVER_VERSION}`,
    requests: (rows) =>
      jsonRequests(
        '/v2/models/model/infer',
        rows.map((row) => {
          const data = encodedRow(row);
          return { inputs: [{ name: 'predict', datatype: 'FP64', shape: [1, data.length], data }] };
        }),
      ),
    start: () =>
      startPython(
        'mlserver',
        [`mlserver==${MLSERVER_VERSION}`, `mlserver-lightgbm==${MLSERVER_VERSION}`, LIGHTGBM, 'pandas'],
        '/v2/models/model/ready',
        async (bin, model, port) => ({
          words: [path.join(bin, 'mlserver'), 'start', model],
          env: {
            MLSERVER_HOST: '127.0.0.1',
            MLSERVER_HTTP_PORT: `${port}`,
            MLSERVER_GRPC_PORT: `${await freePort()}`,
            MLSERVER_METRICS_PORT: `${await freePort()}`,
            MLSERVER_PARALLEL_WORKERS: '0',
            MLSERVER_DEBUG: 'false',
          },
        }),
      ),
  },
  {
    name: `H2O MOJO ${MOJO_VERSION} on the JDK's server`,
    requests: (rows) => jsonRequests('/predict', rows),
    start: startMojo,
  },
];

type Command = (bin: string, model: string, port: number) => Promise<ServerCommand> | ServerCommand;

interface ServerCommand {
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Trains the rival's model with its own packages and serves it. */
async function startPython(
  name: 'mlflow' | 'mlserver',
  packages: readonly string[],
  readyPath: string,
  command: Command,
): Promise<Program> {
  const python = pythonOf(`bench-serving/${name}`, packages);
  const work = mkdtempSync(path.join(tmpdir(), `trainyard-${name}-`));
  const remove = (): void => rmSync(work, { recursive: true, force: true });
  try {
    const model = path.join(work, 'model');
    execFileSync(python, [path.join(FOLDER, 'make_lightgbm.py'), name, model], { stdio: ['ignore', 'ignore', 'pipe'] });
    const bin = path.dirname(python);
    const port = await freePort();
    const { words, env } = await command(bin, model, port);
    const program = await startProgram({
      words,
      cwd: work,
      env: { PATH: `${bin}:${process.env['PATH'] ?? ''}`, ...env },
      listening: (line) => (line.includes(`running on http://127.0.0.1:${port}`) ? port : null),
    });
    const isReady = async (): Promise<boolean> => {
      const answer = await fetch(`http://127.0.0.1:${port}${readyPath}`).catch(() => null);
      await answer?.arrayBuffer();
      return answer?.ok === true;
    };
    await until(`${name} is ready`, isReady, READY_TIMEOUT_MS);
    return endingWith(program, remove);
  } catch (err) {
    remove();
    throw err;
  }
}

async function startMojo(): Promise<Program> {
  const python = pythonOf('bench-serving/mojo', [`h2o==${MOJO_VERSION}`, 'pandas']);
  const { folder } = await mavenLibrary('mojo', path.join(FOLDER, 'mojo', 'pom.xml'));
  const work = mkdtempSync(path.join(tmpdir(), 'trainyard-mojo-'));
  const remove = (): void => rmSync(work, { recursive: true, force: true });
  try {
    const model = path.join(work, 'model.zip');
    execFileSync(python, [path.join(FOLDER, 'make_mojo.py'), model], { stdio: ['ignore', 'ignore', 'pipe'] });
    const program = await startProgram({
      words: [
        requireProgram('java'),
        // Without it Nagle's algorithm and delayed acknowledgements add 44 ms to each answer.
        '-Dsun.net.httpserver.nodelay=true',
        '-cp',
        path.join(folder, '*'),
        path.join(FOLDER, 'mojo', 'MojoServer.java'),
        model,
      ],
      listening: (line) => Number(/^listening at (\d+)$/.exec(line)?.[1] ?? NaN) || null,
    });
    return endingWith(program, remove);
  } catch (err) {
    remove();
    throw err;
  }
}

const endingWith = (program: Program, after: () => void): Program => ({
  ...program,
  end: async () => {
    await program.end();
    after();
  },
});

/** A port that was free a moment ago; these programs cannot say which one they took. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a listening TCP server has one
  server.close();
  await once(server, 'close');
  return port;
}
