import type { Blueprint, Parameters } from '#contracts';

/** Categories of many levels as codes and as numbers too. */
const ENCODED = { categories: 'both', categoryCounts: true };

/** Changes to a blueprint's parameters with which a fit takes no time. */
export function quickParameters(id: string, family: Blueprint['family'], parameters: Parameters): Parameters {
  switch (family) {
    case 'baseline':
    case 'ensemble':
      return {};
    case 'linear':
      return { penalties: 12, crosses: 8 };
    case 'factorization':
      return { penalties: 5 };
    case 'neural-network':
      return { units: 16, epochs: 4 };
    case 'gradient-boosting':
    case 'random-forest':
      return 'trees' in parameters
        ? { trees: 12 }
        : { maxIterations: 25, leaves: 12, ...(id === 'xgboost-default' ? ENCODED : {}) };
  }
}
