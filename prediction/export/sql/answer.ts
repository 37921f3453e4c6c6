import { AppError, type ManifestContent } from '#contracts';
import { DEFAULT_THRESHOLD } from '#scoring';
import { unsupported } from '../model/portable-model.ts';
import type { SqlDialect } from './dialect.ts';
import { sqlOf, type Sql, type SqlLayers } from './layers.ts';

/** A column of the answer. */
export interface SqlAnswer {
  readonly name: string;
  readonly expression: Sql;
}

/** Above it the exponential of a double overflows; below -EXPONENT_LEAST it is 0. PostgreSQL takes both as errors. */
const EXPONENT_MOST = 709.782712893384;
const EXPONENT_LEAST = 745;
/** Beyond it a probability is 1 whatever is added. */
const LOGIT_MOST = 700;

/** From raw scores to the columns that batch predictions have: see `writeProbabilities` and `predictedClass` of `scoring`. */
export function sqlAnswer(
  content: ManifestContent,
  raw: readonly Sql[],
  dialect: SqlDialect,
  layers: SqlLayers,
): SqlAnswer[] {
  const scores = raw.map(layers.keep);
  const [first] = scores;
  if (first === undefined) throw new AppError('INTERNAL', 'a model without raw scores was to be exported');
  if (content.targetType === 'regression')
    return [{ name: 'prediction', expression: regression(content, first, dialect) }];
  const probabilities =
    content.targetType === 'binary' ? logit(content, first, dialect, layers) : softmax(scores, dialect, layers);
  return [
    { name: 'prediction', expression: label(content, probabilities, dialect) },
    ...content.classes.map((name, index) => ({
      name: `probability_${name}`,
      expression: probabilities[index] ?? first,
    })),
  ];
}

function regression({ link }: ManifestContent, raw: Sql, dialect: SqlDialect): Sql {
  if (link !== 'log') return raw;
  const { number } = dialect;
  return sqlOf(
    `CASE WHEN ${raw.text} >= ${number(EXPONENT_MOST)} THEN ${number(Number.MAX_VALUE)} WHEN ${raw.text} < ${number(-EXPONENT_LEAST)} THEN ${number(0)} ELSE exp(${raw.text}) END`,
    [raw],
  );
}

function logit({ positiveClass }: ManifestContent, raw: Sql, { number }: SqlDialect, { keep }: SqlLayers): Sql[] {
  const positive = keep(
    sqlOf(
      `CASE WHEN ${raw.text} > ${number(LOGIT_MOST)} THEN ${number(1)} WHEN ${raw.text} < ${number(-EXPONENT_MOST)} THEN ${number(0)} ELSE ${number(1)} / (${number(1)} + exp(-${raw.text})) END`,
      [raw],
    ),
  );
  const other = sqlOf(`(${number(1)} - ${positive.text})`, [positive]);
  return (positiveClass ?? 1) === 1 ? [other, positive] : [positive, other];
}

function softmax(raw: readonly Sql[], { number }: SqlDialect, { keep }: SqlLayers): Sql[] {
  const greatest = keep(sqlOf(`greatest(${raw.map(({ text }) => text).join(', ')})`, raw));
  const weights = raw.map((score) => {
    const below = `${score.text} - ${greatest.text}`;
    return keep(
      sqlOf(`CASE WHEN ${below} < ${number(-EXPONENT_LEAST)} THEN ${number(0)} ELSE exp(${below}) END`, [
        score,
        greatest,
      ]),
    );
  });
  const sum = keep(sqlOf(weights.map(({ text }) => text).join(' + '), weights));
  return weights.map((weight) => keep(sqlOf(`(${weight.text} / ${sum.text})`, [weight, sum])));
}

function label(
  { targetType, classes, positiveClass, threshold }: ManifestContent,
  probabilities: readonly Sql[],
  dialect: SqlDialect,
): Sql {
  const texts = classes.map((name) => dialect.text(name) ?? refuse(name, dialect));
  const [first] = probabilities;
  if (targetType === 'binary') {
    const positive = positiveClass ?? 1;
    const probability = probabilities[positive];
    const test = `${probability?.text ?? ''} >= ${dialect.number(threshold ?? DEFAULT_THRESHOLD)}`;
    return sqlOf(
      `CASE WHEN ${first?.text ?? ''} IS NULL THEN NULL WHEN ${test} THEN ${texts[positive] ?? ''} ELSE ${texts[1 - positive] ?? ''} END`,
      probabilities,
    );
  }
  // The first class that no other one surpasses.
  const greatest = `greatest(${probabilities.map(({ text }) => text).join(', ')})`;
  const arms = probabilities.map(({ text }, index) => `WHEN ${text} = ${greatest} THEN ${texts[index] ?? ''}`);
  return sqlOf(`CASE ${arms.join(' ')} END`, probabilities);
}

const refuse = (name: string, dialect: SqlDialect): never => {
  throw unsupported(`class ${JSON.stringify(name)} cannot be a text in ${dialect.name}`);
};
