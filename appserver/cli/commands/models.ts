import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { EXPORT_HOMES } from '#contracts';
import { command, requiredFlag, type CommandContext } from '../command.ts';
import { modelOf, writeTo } from './predictions.ts';

const exportFlags = {
  to: { kind: 'text', description: `the home: ${EXPORT_HOMES.join(', ')}` },
  project: { kind: 'text', description: 'id of the project whose recommended model it is, instead of an id' },
  output: { kind: 'text', description: 'file to write; default standard output', short: 'o' },
} as const;

/** The route of a model's export. */
async function exportRoute(
  context: CommandContext,
  model: string | undefined,
  { to, project }: { readonly to: string | undefined; readonly project: string | undefined },
): Promise<string> {
  const home = encodeURIComponent(requiredFlag(to, 'to'));
  return `/models/${encodeURIComponent(await modelOf(context, model, project))}/exports/${home}`;
}

const exportModel = command({
  path: 'models export',
  usage: '[ID]',
  summary: 'a model as one SELECT for a database, or as an ONNX graph',
  flags: {
    ...exportFlags,
    table: { kind: 'text', description: 'SQL: the table that it reads' },
    keep: { kind: 'text', description: 'SQL: columns of the table that the answer has too, commas between them' },
  },
  wordsMax: 1,
  run: async ({ flags, words }, context) => {
    const query = new URLSearchParams();
    for (const name of ['table', 'keep'] as const) if (flags[name] !== undefined) query.set(name, flags[name]);
    const route = await exportRoute(context, words[0], flags);
    await writeTo(await context.api().download(`${route}?${query.toString()}`, '*/*'), flags.output);
  },
});

const parityArchive = command({
  path: 'models parity',
  usage: '[ID]',
  summary: 'an export with rows to be predicted by it at its home, as a zip archive',
  flags: exportFlags,
  wordsMax: 1,
  run: async ({ flags, words }, context) => {
    const route = await exportRoute(context, words[0], flags);
    await writeTo(await context.api().download(`${route}/parity`, 'application/zip'), flags.output);
  },
});

const certify = command({
  path: 'models certify',
  usage: '[ID]',
  summary: 'a signed certificate that a home has predicted what the model predicts; fails where it has not',
  flags: { ...exportFlags, measured: { kind: 'text', description: 'file with what the home has predicted (CSV)' } },
  wordsMax: 1,
  run: async ({ flags, words }, context) => {
    const measured = readFileSync(requiredFlag(flags.measured, 'measured'), 'utf8');
    const route = await exportRoute(context, words[0], flags);
    const certificate = await context.api().post(`${route}/certificates`, { measured });
    await writeTo(Readable.from([`${JSON.stringify(certificate, null, 2)}\n`]), flags.output);
  },
});

/** Commands about models that write a file. */
export const modelCommands = [
  exportModel,
  parityArchive,
  certify,
  command({
    path: 'models report',
    usage: '[ID]',
    summary: 'the compliance report of a model as one HTML file (default: the newest project’s recommended one)',
    flags: {
      project: { kind: 'text', description: 'id of the project whose recommended model it is, instead of an id' },
      output: { kind: 'text', description: 'file to write; default standard output', short: 'o' },
    },
    wordsMax: 1,
    run: async ({ flags, words }, context) => {
      const model = await modelOf(context, words[0], flags.project);
      const report = await context
        .api()
        .download(`/models/${encodeURIComponent(model)}/compliance-report`, 'text/html');
      await writeTo(report, flags.output);
      if (flags.output !== undefined) context.output.note(`the report of model ${model} is in ${flags.output}`);
    },
  }),
];
