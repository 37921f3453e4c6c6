import type { GbmSettings } from './settings.ts';

/** Boosting of LightGBM that is tried only where it is named: nothing that it adds to the others was found (ADR 48). */
export const NAMED_BOOSTING: readonly {
  readonly id: string;
  readonly name: string;
  readonly relativeCost: number;
  readonly description: string;
  readonly changes: Partial<GbmSettings>;
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
  },
  {
    id: 'lightgbm-linear-trees',
    name: 'LightGBM, linear leaves',
    relativeCost: 6,
    description:
      'Leaves are linear functions of the numbers that their branch asks for: smooth where others have steps, and they lead on beyond the training rows. Without explanations.',
    changes: {
      linearLeaves: true,
      linearPenalty: 0.01,
      leaves: 15,
      minRowsPerLeaf: 40,
    },
  },
];
