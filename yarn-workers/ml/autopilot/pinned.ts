import { AppError, type Parameters, type PinnedParameters } from '#contracts';
import { CATALOGUE, HISTORY_ENTRIES, settingsOf } from '../blueprints/catalogue.ts';
import { readsHistory } from '../blueprints/history.ts';
import type { Candidate } from '../blueprints/variations.ts';

type Value = Parameters[string];

/** Blueprints that have parameters. */
const PINNABLE = [...CATALOGUE, ...HISTORY_ENTRIES].filter(({ settings }) => settings !== null);

const isValue = (pin: PinnedParameters[string]): pin is Value => typeof pin !== 'object';

const refusal = (path: readonly string[], message: string): AppError =>
  new AppError('VALIDATION_FAILED', `pinnedParameters.${path.join('.')}: ${message}`, {
    errors: [{ path: `/pinnedParameters/${path.join('/')}`, message }],
  });

/**
 * What a blueprint's parameters are pinned to: those that are named for it go before those that are named for all that have
 * them.
 */
export function pinsOf(pinned: PinnedParameters, blueprintId: string): Parameters {
  const entry = PINNABLE.find(({ blueprint }) => blueprint.id === blueprintId);
  if (entry === undefined) return {};
  const forAll = Object.entries(pinned).flatMap(([name, pin]): [string, Value][] =>
    isValue(pin) && Object.hasOwn(entry.blueprint.parameters, name) ? [[name, pin]] : [],
  );
  const own = Object.hasOwn(pinned, blueprintId) ? pinned[blueprintId] : undefined;
  return { ...Object.fromEntries(forAll), ...(own === undefined || isValue(own) ? {} : own) };
}

/**
 * Parameters are pinned by the name of a blueprint (an object), or of a parameter (a value), which holds for all blueprints that have
 * it: as FLAML (`custom_hp`) and AutoGluon (`hyperparameters`) do the first, and H2O AutoML (`algo_parameters`) the second.
 *
 * @throws VALIDATION_FAILED naming the pin: neither a blueprint nor a parameter, or a value that a blueprint does not allow
 */
export function checkPins(pinned: PinnedParameters): void {
  const ids = PINNABLE.map(({ blueprint }) => blueprint.id);
  const names = [...new Set(PINNABLE.flatMap(({ blueprint }) => Object.keys(blueprint.parameters)))];
  for (const [name, pin] of Object.entries(pinned)) {
    const isKnown = isValue(pin) ? names.includes(name) : ids.includes(name);
    if (isKnown) continue;
    const found = `${JSON.stringify(pin)} is given for it`;
    throw refusal(
      [name],
      isValue(pin)
        ? `is not a parameter, and ${found}; allowed are ${names.join(', ')}, or a blueprint with an object of parameters`
        : `is not a blueprint with parameters, and ${found}; allowed are ${ids.join(', ')}, or a parameter with a value`,
    );
  }
  for (const id of ids) checkPinsOf(pinned, id);
}

function checkPinsOf(pinned: PinnedParameters, blueprintId: string): void {
  try {
    settingsOf(blueprintId, pinsOf(pinned, blueprintId));
  } catch (err) {
    if (!(err instanceof AppError) || err.code !== 'VALIDATION_FAILED') throw err;
    const [first] = err.errors;
    const name = first?.path.replace('/parameters/', '') ?? '';
    const own = Object.hasOwn(pinned, blueprintId) ? pinned[blueprintId] : undefined;
    const isOwn = own !== undefined && !isValue(own) && (Object.hasOwn(own, name) || !Object.hasOwn(pinned, name));
    throw refusal(isOwn ? [blueprintId, name] : [name], `of ${blueprintId} ${first?.message ?? err.message}`);
  }
}

/** A candidate with what is pinned. */
export const withPins = ({ blueprintId, parameters }: Candidate, pinned: PinnedParameters): Candidate => ({
  blueprintId,
  parameters: { ...parameters, ...pinsOf(pinned, blueprintId) },
});

/** True if a candidate's own parameters go together with what is pinned. */
export function isPossible({ blueprintId, parameters }: Candidate): boolean {
  try {
    settingsOf(blueprintId, parameters);
    return true;
  } catch (err) {
    if (err instanceof AppError && err.code === 'VALIDATION_FAILED') return false;
    throw err;
  }
}

/** The same for candidates that give the same model. */
function fitKey({ blueprintId, parameters }: Candidate): string {
  const settings = settingsOf(blueprintId, parameters);
  const facts = settings === null ? blueprintId : Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([facts, readsHistory(blueprintId)]);
}

/** Candidates without those that are fitted as one before them is. */
export function distinct(candidates: readonly Candidate[]): Candidate[] {
  const seen = new Set<string>();
  return candidates.filter((one) => {
    const key = fitKey(one);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** @throws VALIDATION_FAILED for a pin that holds for none of the candidates */
export function checkPinsAreUsed(pinned: PinnedParameters, candidates: readonly Candidate[]): void {
  const ids = [...new Set(candidates.map(({ blueprintId }) => blueprintId))];
  const keys = new Set(candidates.map(fitKey));
  const isTried = (id: string): boolean =>
    ids.includes(id) || keys.has(fitKey({ blueprintId: id, parameters: pinsOf(pinned, id) }));
  for (const [name, pin] of Object.entries(pinned)) {
    const isUsed = isValue(pin) ? ids.some((id) => Object.hasOwn(pinsOf(pinned, id), name)) : isTried(name);
    if (isUsed) continue;
    const message = `holds for no candidate of this run, which are of ${ids.join(', ')}; leave it out, or name a blueprint that it holds for in blueprints`;
    throw refusal([name], message);
  }
}
