import { parameterMeaning } from '#ml';

/** What stands among the parameters of an artefact beside those of its blueprint. */
const OF_THE_FIT: Readonly<Record<string, string>> = {
  threadCount: 'threads of the fit; results do not depend on it',
  library: 'models that could be blended',
  membersMax: 'models that are blended at most',
  stepsMax: 'steps of the selection of weights at most',
  stacks: 'whether a stacked layer might take the place of greedy weights',
  selectionRowCount: 'held-back rows that chose the weights',
  gain: 'by which the ensemble is better than the best single model',
  noise: 'standard error of the gain',
};

/** What a parameter means, of a model of this blueprint; null where this program does not know it. */
export const meaningOf = (blueprintId: string, name: string): string | null =>
  OF_THE_FIT[name] ?? parameterMeaning(blueprintId, name);
