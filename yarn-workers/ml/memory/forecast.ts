/** Something that takes memory. */
export interface MemoryPart {
  readonly what: string;
  readonly bytes: number;
}

/** What is held at the same time, beside what is always held. */
export interface MemoryPhase {
  readonly name: string;
  readonly parts: readonly MemoryPart[];
}

/** What a task's process is predicted to take at most. */
export interface MemoryForecast {
  readonly peakBytes: number;
  /** In which phase. */
  readonly phase: string;
  /** What it is made of, in that phase. */
  readonly parts: readonly MemoryPart[];
}

/** The most that is held at a time: what is always held, and the largest phase. */
export function forecastOf(always: readonly MemoryPart[], phases: readonly MemoryPhase[]): MemoryForecast {
  const [first = { name: 'always', parts: [] }, ...others] = phases;
  const largest = others.reduce((most, phase) => (sum(phase.parts) > sum(most.parts) ? phase : most), first);
  const parts = [...always, ...largest.parts].filter(({ bytes }) => bytes > 0);
  return { peakBytes: Math.ceil(sum(parts)), phase: largest.name, parts };
}

const sum = (parts: readonly MemoryPart[]): number => parts.reduce((bytes, part) => bytes + part.bytes, 0);
