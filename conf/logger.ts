import { AppError } from '#contracts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Facts of an event: ids and numbers, never row values or credentials. */
export type LogFields = Readonly<Record<string, unknown>>;

/** One JSON line per event: time, level, program, event, msg and the fields. */
export interface Logger {
  debug(event: string, msg: string, fields?: LogFields): void;
  info(event: string, msg: string, fields?: LogFields): void;
  warn(event: string, msg: string, fields?: LogFields): void;
  error(event: string, msg: string, fields?: LogFields): void;
  /** A logger that adds these fields to every event. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly program: string;
  readonly level?: LogLevel;
  readonly fields?: LogFields;
  /** Where lines go; default standard error, so that standard output stays a program's own. */
  readonly write?: (line: string) => void;
}

/** Names of fields whose values never reach a log, whatever their case. */
const SECRET_FIELD = /secret|token|password|authorization|api_?key$|cookie/i;
/** Longest text of one field. */
const FIELD_CHARS_MAX = 4_000;

export function createLogger(options: LoggerOptions): Logger {
  const least = LEVELS.indexOf(options.level ?? 'info');
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const emit = (level: LogLevel, event: string, msg: string, fields: LogFields = {}) => {
    if (LEVELS.indexOf(level) < least) return;
    const all = {
      time: new Date().toISOString(),
      level,
      program: options.program,
      event,
      msg,
      ...options.fields,
      ...fields,
    };
    write(`${JSON.stringify(all, redact)}\n`);
  };
  return {
    debug: (event, msg, fields) => emit('debug', event, msg, fields),
    info: (event, msg, fields) => emit('info', event, msg, fields),
    warn: (event, msg, fields) => emit('warn', event, msg, fields),
    error: (event, msg, fields) => emit('error', event, msg, fields),
    child: (fields) => createLogger({ ...options, fields: { ...options.fields, ...fields } }),
  };
}

function redact(key: string, value: unknown): unknown {
  if (SECRET_FIELD.test(key) && typeof value === 'string' && value !== '') return '(hidden)';
  if (value instanceof Error) return errorChain(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string' && value.length > FIELD_CHARS_MAX) return `${value.slice(0, FIELD_CHARS_MAX)}...`;
  return value;
}

/** How deep a chain of causes is followed. */
const CHAIN_MAX = 10;

/** An error with its causes, outermost first; the innermost one keeps its stack. */
export function errorChain(err: unknown): { message: string; code?: string; stack?: string }[] {
  const chain: { message: string; code?: string; stack?: string }[] = [];
  let current: unknown = err;
  while (current !== undefined && current !== null && chain.length < CHAIN_MAX) {
    if (!(current instanceof Error)) {
      chain.push({ message: typeof current === 'string' ? current : JSON.stringify(current) });
      break;
    }
    const next: unknown = current.cause;
    const code = current instanceof AppError ? current.code : (current as NodeJS.ErrnoException).code;
    chain.push({
      message: current.message,
      ...(code === undefined ? {} : { code }),
      ...(next === undefined && current.stack !== undefined ? { stack: current.stack } : {}),
    });
    current = next;
  }
  return chain;
}
