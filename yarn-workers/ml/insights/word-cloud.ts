import { AppError, CLOUD_TERMS_MAX, type InsightOf, type ManifestContent, type ManifestStep } from '#contracts';

type TextStep = Extract<ManifestStep, { kind: 'text-scores' }>;

const isTextStep = (step: ManifestStep): step is TextStep => step.kind === 'text-scores';

interface Entry {
  readonly feature: string;
  readonly tokens: TextStep['tokens'];
  readonly term: string;
  coefficient: number;
  documentCount: number;
}

/**
 * Coefficients of the terms of texts, in the linear functions of tf-idf vectors whose scores the model reads as features: the mean over
 * members by their weight, where one that lacks the term counts as 0. Those of the largest magnitude; of equal ones in order of the term.
 *
 * @param output the output that the coefficients are of, by its label; null for a regression target
 * @throws VALIDATION_FAILED for a model that reads no texts
 */
export function wordCloudOf(content: ManifestContent, output: number, label: string | null): InsightOf<'word-cloud'> {
  const texts = content.members.filter(({ steps }) => steps.some((index) => isText(content, index)));
  if (texts.length === 0) {
    const message = 'does not fit this model: it reads no texts';
    throw new AppError('VALIDATION_FAILED', `insight word-cloud ${message}`, { errors: [{ path: '/kind', message }] });
  }
  const total = texts.reduce((sum, { weight }) => sum + weight, 0);
  const entries = new Map<string, Entry>();
  for (const { steps, weight } of texts)
    for (const index of steps) {
      const step = content.steps[index];
      if (step !== undefined && isTextStep(step))
        collect(entries, step, content.features[step.feature]?.name ?? '', { output, share: weight / total });
    }
  const terms = [...entries.values()].sort(
    (a, b) => Math.abs(b.coefficient) - Math.abs(a.coefficient) || (a.term < b.term ? -1 : 1),
  );
  return {
    kind: 'word-cloud',
    label,
    memberCount: texts.length,
    termCount: terms.length,
    terms: terms.slice(0, CLOUD_TERMS_MAX),
  };
}

function isText(content: ManifestContent, index: number): boolean {
  const step = content.steps[index];
  return step !== undefined && isTextStep(step);
}

function collect(
  entries: Map<string, Entry>,
  { tokens, terms, documents, coefficients, outputCount }: TextStep,
  feature: string,
  { output, share }: { readonly output: number; readonly share: number },
): void {
  const column = outputCount === 1 ? 0 : output;
  for (const [place, term] of terms.entries()) {
    const key = JSON.stringify([feature, tokens, term]);
    const entry = entries.get(key) ?? { feature, tokens, term, coefficient: 0, documentCount: 0 };
    entry.coefficient += share * (coefficients[place * outputCount + column] ?? 0);
    entry.documentCount = Math.max(entry.documentCount, documents[place] ?? 0);
    entries.set(key, entry);
  }
}
