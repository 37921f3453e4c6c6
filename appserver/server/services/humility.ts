import { AppError, canonicalJson, type EffectiveSettings } from '#contracts';
import type { ObjectStore } from '#object-store';
import { checkRules } from '#scoring';
import type { DeploymentRecord, TrainedFacts } from '#store';
import { committedModel } from '../verification/index.ts';
import { filesOf } from './insights.ts';

const SETTING = '/settings/humility';

/** Field of the request that is refused: the rules, or the model that takes another one's place and does not fit them. */
export type HumilityField = typeof SETTING | '/modelId';

/**
 * Holds the rules of a deployment against what its model reads and predicts. Reads the manifest: not to be called in a transaction.
 *
 * @throws VALIDATION_FAILED naming each field that is wrong, with what is there instead
 */
export async function checkHumility(
  store: ObjectStore,
  trained: TrainedFacts,
  { humility: rules }: EffectiveSettings,
  field: HumilityField = SETTING,
): Promise<void> {
  if (rules === undefined) return;
  const manifest = await committedModel(filesOf(trained), store).manifest();
  const found = checkRules(rules, manifest);
  const [first] = found;
  if (first === undefined) return;
  if (field === SETTING) {
    const errors = found.map(({ path, message }) => ({ path: `${SETTING}${path}`, message }));
    throw new AppError('VALIDATION_FAILED', `body: ${SETTING}${first.path} ${first.message}`, { errors });
  }
  const message = `does not fit the deployment’s humility rules: ${first.path} ${first.message}; change them by PATCH of ${SETTING} first`;
  throw new AppError('VALIDATION_FAILED', `body: ${field} ${message}`, { errors: [{ path: field, message }] });
}

/**
 * Holds what rules were checked for, before a transaction, against what is to be stored in it.
 *
 * @throws CONFLICT where model or rules were changed meanwhile
 */
export function checkStillFits(
  checked: Pick<DeploymentRecord, 'modelId' | 'settings'>,
  { id, modelId, settings }: Pick<DeploymentRecord, 'id' | 'modelId' | 'settings'>,
): void {
  if (settings.humility === undefined) return;
  const isSame = canonicalJson(checked.settings.humility ?? null) === canonicalJson(settings.humility);
  if (isSame && checked.modelId === modelId) return;
  throw new AppError('CONFLICT', `deployment ${id}: its model or its humility rules were changed meanwhile; ask again`);
}
