import { bits, isChosen, normal, ROW, uniform } from './expressions.ts';

/** A column of the table that is made. */
export interface MadeColumn {
  readonly name: string;
  /** SQL of what is behind the column; the target may depend on it where the cell is missing, too. */
  readonly latent: string;
  /** SQL of the cell, of the latent value by the column's name. */
  readonly cell: string;
  /** SQL of what the column adds to the target's log odds, of latent values by their columns' names; null: nothing. */
  readonly effect: string | null;
}

/** Levels of the categories of each cycle. */
const LEVEL_COUNTS = [5, 40, 300, 4_000, 60_000] as const;
/** Cells of every third column are missing: so many of 1,024. */
const MISSING_PER_1024 = [20, 100, 300] as const;
/** Days since 2015-01-01 of dates, at most. */
const DAYS = 4_000;
const SYLLABLES = [
  'ba',
  'del',
  'fo',
  'gir',
  'ha',
  'jem',
  'ko',
  'lun',
  'mi',
  'nar',
  'os',
  'pel',
  'qui',
  'rot',
  'su',
  'ty',
];
const WORDS_MIN = 4;
const WORDS_MAX = 12;
/** Streams of a column: its value, its missing cells, and up to a word each. */
const STREAMS_A_COLUMN = 32;
const MISSING_STREAM = 1;
const EFFECT_STREAM = 2;
const WORD_STREAM = 3;

type Maker = (name: string, stream: number, seed: number) => Omit<MadeColumn, 'name'>;

const measure =
  (effect: ((name: string) => string) | null): Maker =>
  (name, stream, seed) => ({
    latent: normal(ROW, stream, seed),
    cell: name,
    effect: effect === null ? null : effect(name),
  });

const amount =
  (weight: number): Maker =>
  (name, stream, seed) => ({
    latent: normal(ROW, stream, seed),
    cell: `round(exp(3 + ${name}), 2)`,
    effect: weight === 0 ? null : `${weight} * ${name}`,
  });

const count =
  (effect: ((name: string) => string) | null): Maker =>
  (name, stream, seed) => ({
    latent: `floor(50 * pow(${uniform(ROW, stream, seed)}, 3))::INTEGER`,
    cell: name,
    effect: effect === null ? null : effect(name),
  });

const share: Maker = (name, stream, seed) => ({
  latent: uniform(ROW, stream, seed),
  cell: `${name}::FLOAT`,
  effect: null,
});

/** Levels are the rarer the higher their number; each has an effect of its own. */
const category =
  (levelCount: number, weight: number): Maker =>
  (name, stream, seed) => ({
    latent: `floor(${levelCount} * pow(${uniform(ROW, stream, seed)}, 3))::INTEGER`,
    cell: `'L' || ${name}`,
    effect: weight === 0 ? null : `${weight} * (${normal(name, stream + EFFECT_STREAM, seed)})`,
  });

const day: Maker = (name, stream, seed) => ({
  latent: `floor(${DAYS} * ${uniform(ROW, stream, seed)})::INTEGER`,
  cell: `(DATE '2015-01-01' + ${name})`,
  effect: `0.4 * cos(${(2 * Math.PI) / 365.25} * ${name})`,
});

const flag: Maker = (name, stream, seed) => ({
  latent: isChosen(ROW, stream, seed, 300),
  cell: name,
  effect: `0.5 * ${name}::INTEGER`,
});

/** Words of two syllables; that its first one begins with the first syllable makes the target likelier. */
const note: Maker = (name, stream, seed) => {
  const list = `[${SYLLABLES.map((syllable) => `'${syllable}'`).join(', ')}]`;
  const syllableOf = (word: number, shift: number): string =>
    `${list}[1 + ((${bits(ROW, stream + WORD_STREAM + word, seed)} >> ${shift}) & 15)::INTEGER]`;
  const words = Array.from({ length: WORDS_MAX }, (_, word) => {
    const text = `${syllableOf(word, 0)} || ${syllableOf(word, 4)}`;
    return word < WORDS_MIN ? text : `CASE WHEN ${name} > ${word} THEN ${text} END`;
  });
  const first = `((${bits(ROW, stream + WORD_STREAM, seed)} & 15) = 0)`;
  return {
    latent: `${WORDS_MIN} + (${bits(ROW, stream, seed)} % ${WORDS_MAX - WORDS_MIN + 1})::INTEGER`,
    cell: `concat_ws(' ', ${words.join(', ')})`,
    effect: `0.6 * ${first}::INTEGER`,
  };
};

/** The kinds of a cycle of columns, by the word that their names begin with. */
const CYCLE: readonly (readonly [word: string, maker: Maker])[] = [
  ['measure', measure((name) => `0.5 * ${name}`)],
  ['code', category(LEVEL_COUNTS[0], 0.4)],
  ['measure', measure((name) => `0.6 * greatest(${name}, 0)`)],
  ['amount', amount(0.4)],
  ['code', category(LEVEL_COUNTS[2], 0.5)],
  ['day', day],
  ['measure', measure((name) => `-0.4 * ${name} * ${name}`)],
  ['count', count((name) => `0.5 * (${name} < 3)::INTEGER`)],
  ['flag', flag],
  ['note', note],
  ['code', category(LEVEL_COUNTS[4], 0.4)],
  ['measure', measure(null)],
  ['amount', amount(0)],
  ['share', share],
  ['code', category(LEVEL_COUNTS[1], 0)],
  ['measure', measure((name) => `0.5 * sin(2 * ${name})`)],
  ['count', count(null)],
  ['amount', amount(0)],
  ['code', category(LEVEL_COUNTS[3], 0)],
  ['measure', measure(null)],
];

/** A cycle of columns after the first counts as much less. */
const weightOf = (cycle: number): number => 1 / (1 + cycle);

/** The columns of a table, numbered through; the first ones of a wider table are those of a narrower one. */
export function madeColumns(columnCount: number, seed: number): MadeColumn[] {
  return Array.from({ length: columnCount }, (_, index) => {
    const cycle = Math.floor(index / CYCLE.length);
    const [word, maker] = CYCLE[index % CYCLE.length] ?? (['measure', measure(null)] as const);
    const name = `${word}_${index + 1}`;
    const stream = (index + 1) * STREAMS_A_COLUMN;
    const { latent, cell, effect } = maker(name, stream, seed);
    const missing = index % 3 === 2 ? (MISSING_PER_1024[Math.floor(index / 3) % MISSING_PER_1024.length] ?? 0) : 0;
    return {
      name,
      latent,
      cell:
        missing === 0
          ? cell
          : `CASE WHEN ${isChosen(ROW, stream + MISSING_STREAM, seed, missing)} THEN NULL ELSE ${cell} END`,
      effect: effect === null ? null : `${weightOf(cycle)} * ${effect}`,
    };
  });
}
