import { categoryKey } from '#scoring';
import type { Findings } from './column-profile.ts';
import { placeCounter } from './place-facts.ts';
import type { TextState } from './states.ts';

/** Weighted sums over cells, for the means that tell texts from categories. */
export interface TextSums {
  add(text: string, count: number): void;
  toData(): TextState['sums'];
  /** Sums over other cells. */
  merge(other: TextState['sums']): void;
  means(): Findings['texts'];
}

export function textSums(): TextSums {
  let [cells, characters, words] = [0, 0, 0];
  let onlyBooleans = true;
  const places = placeCounter();
  return {
    add: (text, count) => {
      cells += count;
      characters += count * text.length;
      words += count * wordCount(text);
      const key = onlyBooleans ? categoryKey(text, 'boolean') : '';
      onlyBooleans &&= key === 'true' || key === 'false';
      places.add(text, count);
    },
    toData: () => ({ cells, characters, words, onlyBooleans, places: places.facts() }),
    merge: (other) => {
      cells += other.cells;
      characters += other.characters;
      words += other.words;
      onlyBooleans &&= other.onlyBooleans;
      places.merge(other.places);
    },
    means: () => ({
      onlyBooleans: onlyBooleans && cells > 0,
      meanLength: cells === 0 ? 0 : characters / cells,
      meanWords: cells === 0 ? 0 : words / cells,
      places: places.facts(),
    }),
  };
}

/** Runs of characters that are not blanks. */
function wordCount(text: string): number {
  let words = 0;
  let inWord = false;
  for (let i = 0; i < text.length; i += 1) {
    const isBlank = text.charCodeAt(i) <= 32;
    if (!isBlank && !inWord) words += 1;
    inWord = !isBlank;
  }
  return words;
}
