import { spawn } from 'node:child_process';
import path from 'node:path';
import { AppError, Type } from '#contracts';
import { codeOfWords } from './refusal.ts';
import { NewApplicationShape, read, sizeOf } from './rest-shapes.ts';
import { submissionBody, type Submission } from './submission.ts';
import type { NewApplication, Submitter } from './submitter.ts';

export interface JarSubmitterOptions {
  /** The application master's jar and Hadoop's client jars. */
  readonly jars: readonly string[];
  /** Folder with the cluster's own `core-site.xml` and `yarn-site.xml`. */
  readonly confDir: string;
  /** Kerberos principal and keytab of the service; null: a cluster without Kerberos. */
  readonly login: { readonly principal: string; readonly keytabFile: string; readonly krb5ConfFile?: string } | null;
  /** User to act for; null: the service itself, or without Kerberos the user of this process. */
  readonly user: string | null;
  /** @default `java` */
  readonly javaFile?: string;
  /** @default 60_000 */
  readonly timeoutMs?: number;
}

const MAIN_CLASS = 'io.trainyard.master.Submitter';
const JVM_FLAGS = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Djava.net.preferIPv4Stack=true'];
const OUTPUT_CHARS_MAX = 1_000_000;
const COMPLAINT_CHARS_MAX = 1000;

const Failure = Type.Object({ error: Type.Union([Type.String(), Type.Null()]), exception: Type.String() });
const Submitted = Type.Object({ 'application-id': Type.String() });

/**
 * Submits by Hadoop's own RPC, a second way in for sites that switch submission over REST off
 * (`yarn.webapp.enable-rest-app-submissions`). The submission goes over standard input: tokens and secrets never stand on
 * a command line. About a second for each call.
 */
export class JarSubmitter implements Submitter {
  readonly #options: JarSubmitterOptions;

  constructor(options: JarSubmitterOptions) {
    this.#options = options;
  }

  /** @throws YARN_SUBMITTER_FAILED, and what Hadoop refuses as over REST */
  async newApplication(signal?: AbortSignal): Promise<NewApplication> {
    const answer = read(NewApplicationShape, await this.#run('new', '', signal), 'new application');
    return {
      applicationId: answer['application-id'],
      maximum: sizeOf(answer['maximum-resource-capability']),
    };
  }

  /** @throws YARN_SUBMITTER_FAILED, and what Hadoop refuses as over REST */
  async submit(submission: Submission, signal?: AbortSignal): Promise<void> {
    const body = JSON.stringify(submissionBody(submission));
    read(Submitted, await this.#run('submit', body, signal), 'submitted application');
  }

  async #run(verb: string, input: string, signal: AbortSignal | undefined): Promise<unknown> {
    const { code, stdout, stderr } = await this.#spawn(verb, input, signal);
    const answer = lastJson(stdout);
    if (code === 0 && answer !== null) return answer;
    if (answer === null) {
      const words = stderr.trim().slice(-COMPLAINT_CHARS_MAX);
      throw new AppError('YARN_SUBMITTER_FAILED', `${MAIN_CLASS} ${verb} ended with code ${code ?? 'none'}: ${words}`);
    }
    const { error, exception } = read(Failure, answer, `${MAIN_CLASS} ${verb}`);
    const words = `${exception}: ${error ?? 'no reason given'}`;
    throw new AppError(codeOfWords(words) ?? 'YARN_REQUEST_REFUSED', `${MAIN_CLASS} ${verb}: ${words}`);
  }

  #spawn(verb: string, input: string, signal: AbortSignal | undefined): Promise<Ending> {
    const { jars, confDir, login, user, javaFile = 'java', timeoutMs = 60_000 } = this.#options;
    const krb5 = login?.krb5ConfFile === undefined ? [] : [`-Djava.security.krb5.conf=${login.krb5ConfFile}`];
    const classPath = [confDir, ...jars].join(path.delimiter);
    const who = [login?.principal ?? '-', login?.keytabFile ?? '-', user ?? '-'];
    const limit = AbortSignal.timeout(timeoutMs);
    const child = spawn(javaFile, [...JVM_FLAGS, ...krb5, '-cp', classPath, MAIN_CLASS, ...who, verb], {
      stdio: ['pipe', 'pipe', 'pipe'],
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
      killSignal: 'SIGKILL',
    });
    const texts = { stdout: '', stderr: '' };
    child.stdout.on('data', (part) => (texts.stdout = (texts.stdout + String(part)).slice(-OUTPUT_CHARS_MAX)));
    child.stderr.on('data', (part) => (texts.stderr = (texts.stderr + String(part)).slice(-OUTPUT_CHARS_MAX)));
    // It may end before it has read everything; its exit code says why.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    return new Promise((resolve, reject) => {
      child.once('error', (cause) => {
        const why = limit.aborted ? `did not end within ${timeoutMs} ms` : cause.message;
        reject(new AppError('YARN_SUBMITTER_FAILED', `${javaFile} ${MAIN_CLASS} ${verb}: ${why}`, { cause }));
      });
      child.once('close', (code) => resolve({ code, ...texts }));
    });
  }
}

interface Ending {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program's answer is the last line: libraries may write before it. */
function lastJson(stdout: string): unknown {
  try {
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  } catch {
    return null;
  }
}
