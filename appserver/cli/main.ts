import { run } from './run.ts';

/** The `trainyard` command line. */
const controller = new AbortController();
const argv = process.argv.slice(2);
process.stdout.on('error', () => process.exit(0)); // the reader of a pipe went away
// Services install their own handlers; for all others the first Ctrl-C gives up the running request.
process.once('SIGINT', () => controller.abort());
process.exitCode = await run(argv, {
  out: process.stdout,
  err: process.stderr,
  env: process.env,
  signal: controller.signal,
});
