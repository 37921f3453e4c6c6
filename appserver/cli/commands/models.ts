import { command } from '../command.ts';
import { modelOf, writeTo } from './predictions.ts';

/** Commands about models that write a file. */
export const modelCommands = [
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
