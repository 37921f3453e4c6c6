import { AppError, type HumilityRule } from '#contracts';
import { csvCell } from '#runtime';
import { compileRules, type RowPrediction, type RuleJudge } from '#scoring';
import type { ServedDeployment } from '../deployments.ts';
import { numberText } from './number-text.ts';

/** The rules of a served deployment. Bit i of `held` says that rule i holds for a row. */
export interface Humility {
  readonly judge: RuleJudge;
  readonly rules: readonly HumilityRule[];
  /** Whether one that refuses holds. */
  refuses(held: number): boolean;
  /** What the answer has instead of the prediction: of the first rule that overrides; null where none does. */
  override(held: number): Override | null;
  /** JSON text of a row's `humility`; only where a rule holds. */
  heldJson(held: number, prediction: RowPrediction): string;
  /** Names of the rules that hold, with `; ` between them. */
  heldNames(held: number): string;
}

/** A given prediction as answers have it. */
export interface Override {
  readonly json: string;
  readonly csv: string;
}

/** Name of the column of the rules that hold in tables of answers. */
export const HUMILITY_COLUMN = 'humility';

/** Names of the columns that rules add to a table of answers. */
export const humilityColumns = (humility: Humility | null): readonly string[] =>
  humility === null ? [] : [HUMILITY_COLUMN];

/** Null where the deployment has no rules. */
export function humilityOf({ record, artifact }: ServedDeployment): Humility | null {
  const { humility: rules, threshold } = record.settings;
  if (rules === undefined || rules.length === 0) return null;
  const { manifest } = artifact;
  const bits = (action: HumilityRule['then']['type']): number =>
    rules.reduce((mask, { then }, index) => (then.type === action ? mask | (1 << index) : mask), 0);
  const [refusing, overriding] = [bits('refuse'), bits('override')];
  const isRegression = manifest.content.targetType === 'regression';
  const overrides = rules.map(({ then }) => overrideOf(then, isRegression));
  const heads = rules.map(({ name, then }) => `{"rule":${JSON.stringify(name)},"action":"${then.type}"`);
  return {
    judge: compileRules(rules, manifest, threshold),
    rules,
    refuses: (held) => (held & refusing) !== 0,
    override: (held) => ((held & overriding) === 0 ? null : (overrides[firstOf(held & overriding)] ?? null)),
    heldJson: (held, { prediction }) => {
      const first = (held & overriding) === 0 ? -1 : firstOf(held & overriding);
      const own = (rule: number): string =>
        rule === first
          ? `,"modelPrediction":${typeof prediction === 'number' ? numberText(prediction) : JSON.stringify(prediction)}`
          : '';
      const texts = heads.flatMap((head, rule) => ((held & (1 << rule)) === 0 ? [] : [`${head}${own(rule)}}`]));
      return `[${texts.join(',')}]`;
    },
    heldNames: (held) => rules.flatMap(({ name }, rule) => ((held & (1 << rule)) === 0 ? [] : [name])).join('; '),
  };
}

function overrideOf(action: HumilityRule['then'], isRegression: boolean): Override | null {
  if (action.type !== 'override') return null;
  const text = isRegression ? numberText(Number(action.prediction)) : String(action.prediction);
  return isRegression ? { json: text, csv: text } : { json: JSON.stringify(text), csv: csvCell(text) };
}

/** The lowest bit that is set. */
const firstOf = (bits: number): number => 31 - Math.clz32(bits & -bits);

/** @param row index from 0 */
export function refusal({ rules }: Humility, held: number, row: number): AppError {
  const names = rules.flatMap(({ name, then }, rule) =>
    then.type === 'refuse' && (held & (1 << rule)) !== 0 ? [JSON.stringify(name)] : [],
  );
  const path = `row ${row + 1}`;
  const message = `humility rule ${names.join(', ')} holds`;
  return new AppError('PREDICTION_REFUSED', `${path}: ${message}`, {
    errors: [{ path, message }],
    details: { row: row + 1 },
  });
}
