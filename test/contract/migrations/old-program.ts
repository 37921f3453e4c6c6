import { readFileSync } from 'node:fs';
import path from 'node:path';
import { REPOSITORY_ROOT } from '../../support/repository.ts';

export type Value = string | number | null;
/** Sends one statement; answers its rows, or as many empty ones as it changed. */
export type Send = (sql: string, bindings: readonly Value[]) => unknown[] | Promise<unknown[]>;

interface Step {
  readonly step: string;
  readonly statements: readonly { readonly sql: string; readonly bindings: readonly Value[] }[];
}

/** Statements that find nothing when a task that the program holds is not what it takes it for. */
const MUST_CHANGE = /^(update "?task"? set|insert into)/;

/** The program of schema version 2, as far as one task's life goes: its frozen statements in their order. */
export class OldProgram {
  readonly #steps: readonly Step[];
  readonly #send: Send;
  readonly #name: string;
  #lives = 0;
  /** Longest time of each step so far, milliseconds. */
  readonly longestMs = new Map<string, number>();

  /** @param name distinguishes programs that run at once: each has a project of its own */
  constructor(client: 'sqlite' | 'postgres', name: string, send: Send) {
    const file = path.join(REPOSITORY_ROOT, `test/fixtures/schema-2/${client}.json`);
    this.#steps = JSON.parse(readFileSync(file, 'utf8')) as readonly Step[];
    this.#send = send;
    this.#name = name;
  }

  /** Names of the steps in their order. */
  get steps(): readonly string[] {
    return this.#steps.map(({ step }) => step);
  }

  /** A new task's life up to a step (default: all of it); its id. `between` is called after each step. */
  async live(between: (step: string) => Promise<void> = async () => undefined): Promise<string> {
    this.#lives += 1;
    const id = `${this.#name}-${this.#lives}`;
    for (const { step, statements } of this.#steps) {
      const started = performance.now();
      for (const { sql, bindings } of statements) {
        const rows = await this.#send(
          sql,
          bindings.map((value) => this.#filled(value, id)),
        );
        if (MUST_CHANGE.test(sql) && rows.length === 0) throw new Error(`${step}: nothing was changed by ${sql}`);
      }
      this.longestMs.set(step, Math.max(this.longestMs.get(step) ?? 0, performance.now() - started));
      await between(step);
    }
    return id;
  }

  #filled(value: Value, id: string): Value {
    if (typeof value !== 'string') return value;
    return value
      .replaceAll('{project}', `project-${this.#name}`)
      .replaceAll(/\{(\w+)\}/g, (_, what) => `${String(what)}-${id}`);
  }
}
