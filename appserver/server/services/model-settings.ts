import { AppError, canonicalJson, type EffectiveSettings, type FieldError, type Manifest } from '#contracts';
import type { ObjectStore } from '#object-store';
import { checkRules } from '#scoring';
import type { DeploymentRecord, TrainedFacts } from '#store';
import { committedModel } from '../verification/index.ts';
import { filesOf } from './insights.ts';
import { segmentErrors } from './segment-settings.ts';

/** Settings that name features of the model, and what is wrong with them for a model: paths within the setting. */
const CHECKS = {
  humility: ({ humility = [] }: EffectiveSettings, manifest: Manifest) => checkRules(humility, manifest),
  segments: segmentErrors,
} satisfies Partial<Record<keyof EffectiveSettings, (settings: EffectiveSettings, manifest: Manifest) => FieldError[]>>;

const NAMES = Object.keys(CHECKS) as (keyof typeof CHECKS)[]; // its own keys
const WORDS: Readonly<Record<keyof typeof CHECKS, string>> = { humility: 'humility rules', segments: 'segments' };

/** What of a request may have to be held against the model: segments are of features that telemetry carries. */
export const MODEL_SETTINGS = [...NAMES, 'telemetry'] as const;

/** Whether settings say anything of the model's features. */
export const namesFeatures = (settings: EffectiveSettings): boolean =>
  NAMES.some((name) => settings[name] !== undefined);

/**
 * Holds the settings of a deployment that name features against what its model reads and predicts. Reads the manifest: not to be called in a
 * transaction.
 *
 * @param field of the request that is refused: the settings, or the model that takes another one's place and does not fit them
 * @throws VALIDATION_FAILED naming each field that is wrong, with what is there instead
 */
export async function checkAgainstModel(
  store: ObjectStore,
  trained: TrainedFacts,
  settings: EffectiveSettings,
  field: 'settings' | 'modelId' = 'settings',
): Promise<void> {
  if (!namesFeatures(settings)) return;
  const manifest = await committedModel(filesOf(trained), store).manifest();
  for (const name of NAMES) {
    const found = settings[name] === undefined ? [] : CHECKS[name](settings, manifest);
    const [first] = found;
    if (first === undefined) continue;
    const setting = `/settings/${name}`;
    if (field === 'settings') {
      const errors = found.map(({ path, message }) => ({ path: `${setting}${path}`, message }));
      throw new AppError('VALIDATION_FAILED', `body: ${setting}${first.path} ${first.message}`, { errors });
    }
    const message = `does not fit the deployment’s ${WORDS[name]}: ${first.path} ${first.message}; change them by PATCH of ${setting} first`;
    throw new AppError('VALIDATION_FAILED', `body: /modelId ${message}`, { errors: [{ path: '/modelId', message }] });
  }
}

/**
 * Holds what settings were checked for, before a transaction, against what is to be stored in it.
 *
 * @throws CONFLICT where the model or one of the settings was changed meanwhile
 */
export function checkStillFits(
  checked: Pick<DeploymentRecord, 'modelId' | 'settings'>,
  { id, modelId, settings }: Pick<DeploymentRecord, 'id' | 'modelId' | 'settings'>,
): void {
  if (!namesFeatures(settings)) return;
  const isSame = MODEL_SETTINGS.every(
    (name) => canonicalJson(checked.settings[name] ?? null) === canonicalJson(settings[name] ?? null),
  );
  if (isSame && checked.modelId === modelId) return;
  throw new AppError(
    'CONFLICT',
    `deployment ${id}: its model, humility rules, segments or telemetry were changed meanwhile; ask again`,
  );
}
