/** What the command line shows: tables and bars for people, JSON for programs. Results go to standard output, all else to standard error. */
export interface Output {
  readonly json: boolean;
  /** The result of a command: its JSON with --json, else what `people` writes. */
  result(value: unknown, people: () => string): void;
  /** A remark on standard error; silent with --json. */
  note(text: string): void;
  /** A progress bar on a terminal, a line per change of phase elsewhere, nothing with --json. */
  progress(label: string): ProgressBar;
}

export interface ProgressBar {
  update(fraction: number, text: string): void;
  end(text: string): void;
}

export interface OutputStreams {
  readonly out: { write(text: string): unknown };
  readonly err: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
}

const BAR_WIDTH = 24;

export function createOutput(streams: OutputStreams, json: boolean): Output {
  const { out, err } = streams;
  return {
    json,
    result: (value, people) => void out.write(json ? `${JSON.stringify(value, null, 2)}\n` : ensureNewline(people())),
    note: (text) => {
      if (!json) err.write(`${text}\n`);
    },
    progress: (label) => (json ? silent : err.isTTY === true ? terminalBar(err, label) : lineBar(err, label)),
  };
}

const ensureNewline = (text: string) => (text === '' || text.endsWith('\n') ? text : `${text}\n`);

const silent: ProgressBar = { update: () => undefined, end: () => undefined };

function terminalBar(err: OutputStreams['err'], label: string): ProgressBar {
  const draw = (fraction: number, text: string) => {
    const filled = Math.round(Math.min(1, Math.max(0, fraction)) * BAR_WIDTH);
    const line = `${label} ${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${String(Math.round(fraction * 100)).padStart(3)}% ${text}`;
    err.write(`\r\u001b[2K${line.slice(0, Math.max(20, (err.columns ?? 100) - 1))}`);
  };
  return {
    update: draw,
    end: (text) => {
      draw(1, text);
      err.write('\n');
    },
  };
}

function lineBar(err: OutputStreams['err'], label: string): ProgressBar {
  let last = '';
  return {
    update: (_fraction, text) => {
      if (text === last || text === '') return;
      last = text;
      err.write(`${label}: ${text}\n`);
    },
    end: (text) => void err.write(`${label}: ${text}\n`),
  };
}

/** A plain table: a header, columns as wide as their widest cell, numbers to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const numeric = header.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^[-+]?[\d.,]*(e[-+]?\d+)?$|^-$/.test(row[column] ?? '')),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        numeric[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(header), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

/** A value for a table's cell; control characters (terminal codes among them) are shown escaped. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'number')
    return Number.isInteger(value) ? String(value) : Number(value.toPrecision(6)).toString();
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  // Terminal codes in names must not reach the terminal.
  return text.replaceAll(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
