import type { TextAnalysis } from '#scoring';
import { TEXT_CHARACTERS_MAX } from '../fit/text/limits.ts';
import { isFactorization, isLinear, isNetwork, type ModelSettings } from './settings.ts';

/** Longest n-gram of words whose scores trees read. */
const BOOSTED_WORDS = 2;
/** Shortest n-gram of characters: single ones say next to nothing. */
const CHARACTERS_MIN = 2;

/** How a model's settings read texts: not at all, by their words, by their characters, or by both. */
export function textAnalysesOf(settings: ModelSettings | null): TextAnalysis[] {
  if (settings === null || isFactorization(settings) || isNetwork(settings)) return [];
  const { words, characters } = isLinear(settings) ? settings : { words: BOOSTED_WORDS, characters: 0 };
  const charactersMax = TEXT_CHARACTERS_MAX;
  return [
    ...(words === 0 ? [] : [{ tokens: 'words' as const, minLength: 1, maxLength: words, charactersMax }]),
    ...(characters === 0
      ? []
      : [
          {
            tokens: 'characters' as const,
            minLength: Math.min(CHARACTERS_MIN, characters),
            maxLength: characters,
            charactersMax,
          },
        ]),
  ];
}
