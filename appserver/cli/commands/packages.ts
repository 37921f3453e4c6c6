import { createWriteStream, existsSync, renameSync, rmSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { AppError } from '#contracts';
import { command, requiredWord, type CommandContext } from '../command.ts';
import { downloadProven, type Downloaded } from '../download.ts';

const MEDIA_TYPE = 'application/gzip';

/** Written beside and renamed: what has the name is whole. */
async function toFile(context: CommandContext, route: string, file: string): Promise<Downloaded> {
  if (existsSync(file)) throw new AppError('BAD_REQUEST', `--output: ${file} exists already`);
  const part = `${file}.part`;
  const sink = createWriteStream(part, { mode: 0o600 });
  try {
    const made = await downloadProven(context.api(), route, MEDIA_TYPE, sink);
    sink.end();
    await finished(sink);
    renameSync(part, file);
    return made;
  } catch (err) {
    sink.destroy();
    rmSync(part, { force: true });
    throw err;
  }
}

function toStandardOutput(context: CommandContext, route: string): Promise<Downloaded> {
  if (process.stdout.isTTY)
    throw new AppError('BAD_REQUEST', 'a package is no text: write it to a file by --output FILE or > FILE');
  return downloadProven(context.api(), route, MEDIA_TYPE, process.stdout);
}

/** Commands about packages of deployments. */
export const packageCommands = [
  command({
    path: 'deployments package',
    usage: 'ID',
    summary: 'a prediction server with a deployment and its model in one file, for a host that reaches nobody',
    flags: {
      output: { kind: 'text', description: 'file to write; default standard output', short: 'o' },
      withoutOwnKey: {
        kind: 'switch',
        description: 'leave the key of this command out; only keys that may do nothing but predict are in it then',
      },
    },
    wordsMax: 1,
    run: async ({ flags, words }, context) => {
      const id = requiredWord(words, 'the deployment’s id');
      const route = `/deployments/${encodeURIComponent(id)}/package${flags.withoutOwnKey ? '?ownKey=false' : ''}`;
      const { output } = context;
      const facts = ({ sizeBytes, sha256 }: Downloaded) => `${(sizeBytes / 1e6).toFixed(1)} MB, SHA-256 ${sha256}`;
      if (flags.output === undefined) {
        output.note(`package of deployment ${id}: ${facts(await toStandardOutput(context, route))}`);
        return;
      }
      const made = await toFile(context, route, flags.output);
      output.result({ file: flags.output, ...made }, () => `${flags.output ?? ''}: ${facts(made)}`);
    },
  }),
];
