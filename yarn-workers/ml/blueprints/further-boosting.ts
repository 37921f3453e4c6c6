import type { GbmSettings } from './settings.ts';

/** Boosting of LightGBM beside the ordinary kinds of it, with what each was found to be worth (ADR 48). */
export const FURTHER_BOOSTING: readonly {
  readonly id: string;
  readonly name: string;
  readonly relativeCost: number;
  readonly description: string;
  readonly changes: Partial<GbmSettings>;
  readonly isSearched: boolean;
}[] = [
  {
    id: 'lightgbm-dart',
    name: 'LightGBM, dropout',
    relativeCost: 8,
    description:
      'Each tree is fitted beside a random part of those before, which are scaled down: no tree says most. Not searched: slow, and no better.',
    changes: {
      boosting: 'dart',
      maxIterations: 500,
      earlyStoppingRounds: 100,
      dropRate: 0.1,
      skipDrop: 0.5,
    },
    isSearched: false,
  },
  {
    id: 'lightgbm-linear-trees',
    name: 'LightGBM, linear leaves',
    relativeCost: 6,
    description:
      'Leaves are linear functions of the numbers that their branch asks for: smooth where others have steps, and they lead on beyond the training rows.',
    changes: {
      linearLeaves: true,
      linearPenalty: 0.01,
      leaves: 15,
      minRowsPerLeaf: 40,
    },
    isSearched: true,
  },
];
