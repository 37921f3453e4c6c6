import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { BlueprintDocument, BlueprintStepKind, parse, type Parameters } from '#contracts';
import {
  BLUEPRINT_STEP_KINDS,
  candidateName,
  documentOf,
  madeBy,
  settingsOf,
  SHOWN_BLUEPRINTS,
  type MadeBy,
} from '#ml';
import { appErrorOf } from '../../../../support/expect-error.ts';

type Step = BlueprintDocument['steps'][number];

const TRAINABLE = SHOWN_BLUEPRINTS.filter(({ id }) => id !== 'ensemble');
const documentNamed = (blueprintId: string): BlueprintDocument => documentOf({ blueprintId, parameters: {} });
const endKinds = ['gradient-boosting', 'forest', 'elastic-net'];

/** A document with its steps changed; the model reads whatever is there. */
function changed(blueprintId: string, change: (steps: readonly Step[]) => readonly Step[]): BlueprintDocument {
  const document = documentNamed(blueprintId);
  const steps = change(document.steps);
  const others = steps.filter(({ kind }) => !endKinds.includes(kind)).map(({ id }) => id);
  return {
    ...document,
    steps: steps.map((step) => (endKinds.includes(step.kind) ? { ...step, inputs: others } : step)),
  };
}

const without = (blueprintId: string, ...kinds: readonly string[]): BlueprintDocument =>
  changed(blueprintId, (steps) => steps.filter(({ kind }) => !kinds.includes(kind)));

const told = (blueprintId: string, kind: string, parameters: Parameters): BlueprintDocument =>
  changed(blueprintId, (steps) =>
    steps.map((step) => (step.kind === kind ? { ...step, parameters: { ...step.parameters, ...parameters } } : step)),
  );

const stepOf = (blueprintId: string, kind: string): Step => {
  const step = documentNamed(blueprintId).steps.find((one) => one.kind === kind);
  if (step === undefined) throw new Error(`${blueprintId} has no ${kind}`);
  return step;
};

const NUMBERS: Step = { id: 'n', kind: 'category-numbers', inputs: ['categorical features of many levels'] };

describe('ml blueprints of one’s own', () => {
  it('change nothing where a document is sent back as it came, from the catalogue or a model', () => {
    for (const blueprint of TRAINABLE) {
      parse(BlueprintDocument, structuredClone(documentNamed(blueprint.id)), 'document');
      const expected: MadeBy = { blueprintId: blueprint.id, parameters: {} };
      expect(madeBy(documentNamed(blueprint.id)), blueprint.id).to.deep.equal(expected);
      expect(madeBy(parse(BlueprintDocument, structuredClone(blueprint), 'blueprint'))).to.deep.equal(expected);
    }
    for (const made of [
      { blueprintId: 'lightgbm-slow', parameters: { leaves: 8, categories: 'both' } },
      { blueprintId: 'linear', parameters: { pieces: 4, words: 3 } },
      { blueprintId: 'linear-text', parameters: { words: 0, characters: 0 } },
      {
        blueprintId: 'xgboost-slow',
        parameters: { maxDepth: 3 },
        ownBlueprint: { name: 'Mine', description: 'Of trees.', featureSteps: ['numeric', 'date-parts'] },
      },
      {
        blueprintId: 'linear-history',
        parameters: { placeCells: 0 },
        ownBlueprint: { featureSteps: ['numeric', 'series-history'] },
      },
    ] satisfies MadeBy[]) {
      const again = madeBy(documentOf(made));
      expect(again.ownBlueprint).to.deep.equal((made as MadeBy).ownBlueprint);
      const settings = (one: MadeBy) => settingsOf(one.blueprintId, one.parameters);
      expect(settings(again)).to.deep.equal(settings(made));
      expect(documentOf(again)).to.deep.equal(documentOf(made));
    }
  });

  it('tell every parameter of the blueprint once, at a step', () => {
    for (const { id, parameters } of TRAINABLE) {
      const at = documentOf({ blueprintId: id, parameters: id.startsWith('lightgbm') ? { categories: 'both' } : {} });
      const names = at.steps.flatMap((step) => Object.keys(step.parameters ?? {}));
      const hidden = ['crosses', 'holidays', ...(names.includes('categories') ? [] : ['categories', 'categoryCounts'])];
      const texts = names.includes('words') ? [] : ['words', 'characters'];
      const expected = Object.keys(parameters).filter((name) => ![...hidden, ...texts].includes(name));
      expect(names.toSorted(), id).to.deep.equal(expected.toSorted());
    }
  });

  it('are their parameters and steps of features', () => {
    const all = [
      ...['numeric', 'category-codes', 'date-parts', 'date-difference'],
      ...['place-directions', 'place-parts', 'place-distance', 'text-scores'],
    ];
    expect(madeBy(without('lightgbm-default', 'date-parts', 'text-scores'))).to.deep.equal({
      blueprintId: 'lightgbm-default',
      parameters: {},
      ownBlueprint: {
        featureSteps: all.filter((kind) => kind !== 'date-parts' && kind !== 'text-scores'),
      },
    });
    expect(madeBy(told('lightgbm-default', 'gradient-boosting', { leaves: 8 }))).to.deep.equal({
      blueprintId: 'lightgbm-default',
      parameters: { leaves: 8 },
    });
    const add = (id: string, step: Step): MadeBy => madeBy(changed(id, (steps) => [step, ...steps]));
    expect(add('lightgbm-default', NUMBERS).parameters).to.deep.equal({ categories: 'target', categoryCounts: true });
    expect(add('xgboost-default', { ...NUMBERS, parameters: { categories: 'both' } }).parameters).to.include({
      categories: 'both',
    });
    expect(madeBy(without('lightgbm-encoded', 'category-numbers'))).to.deep.equal({
      blueprintId: 'lightgbm-encoded',
      parameters: { categories: 'codes', categoryCounts: false },
    });
    expect(madeBy(without('linear-text', 'text-scores')).parameters).to.deep.equal({ words: 0, characters: 0 });
    expect(add('linear', stepOf('linear-text', 'text-scores')).parameters).to.deep.equal({ words: 2, characters: 4 });
    expect(madeBy(told('linear-text', 'text-scores', { words: 0 })).parameters).to.deep.equal({ words: 0 });
    const holidays: Step = { id: 'h', kind: 'holidays', inputs: ['date features'], parameters: { holidays: 'FR' } };
    for (const id of ['lightgbm-default', 'xgboost-default', 'extra-trees', 'linear'])
      expect(add(id, holidays), id).to.deep.equal({ blueprintId: id, parameters: { holidays: 'FR' } });
    // Straight lines do not read directions by themselves, and do where they are told to.
    expect(add('linear', stepOf('linear-splines', 'place-directions')).ownBlueprint?.featureSteps).to.deep.equal([
      ...all.slice(0, 6),
      ...['place-cells', 'place-distance'],
    ]);
    expect(madeBy({ ...documentNamed('random-forest'), name: 'Wood', description: '' }).ownBlueprint).to.deep.equal({
      name: 'Wood',
      description: '',
    });
  });

  it('are what the guide says', () => {
    const guide = readFileSync(new URL('../../../../../docs/how-to/blueprints.md', import.meta.url), 'utf8');
    const [, json = ''] = /```json\n([^`]+)```/.exec(guide) ?? [];
    const made = madeBy(parse(BlueprintDocument, JSON.parse(json), 'guide'));
    expect(made).to.deep.equal({
      blueprintId: 'lightgbm-slow',
      parameters: { leaves: 8, categories: 'both' },
      ownBlueprint: { name: 'Without dates', featureSteps: ['numeric', 'category-codes', 'category-numbers'] },
    });
    expect(guide).to.include(candidateName(made));
  });

  it('are called by what is their own', () => {
    const name = (document: BlueprintDocument): string => candidateName(madeBy(document));
    expect(name(documentNamed('linear'))).to.equal('Regularised linear model');
    expect(name(without('lightgbm-default', 'date-parts'))).to.equal('LightGBM (without date-parts)');
    expect(name(told('lightgbm-default', 'gradient-boosting', { leaves: 8 }))).to.equal('LightGBM (leaves 8)');
    expect(name({ ...documentNamed('lightgbm-default'), name: 'Mine' })).to.equal('Mine (LightGBM)');
    expect(name({ ...without('lightgbm-default', 'numeric'), name: 'Mine' })).to.equal('Mine (LightGBM, changed)');
  });

  it('are refused where they are no blueprint, with the place, what is there and what is allowed', async () => {
    const gbm = documentNamed('lightgbm-default');
    const replaced = (index: number, change: Partial<Step>): BlueprintDocument => ({
      ...gbm,
      steps: gbm.steps.map((step, at) => (at === index ? { ...step, ...change } : step)),
    });
    const end = gbm.steps.length - 1;
    const placeOf = (id: string, kind: string): number =>
      documentNamed(id).steps.findIndex((step) => step.kind === kind);
    const cases: readonly (readonly [string, BlueprintDocument, string, string])[] = [
      ['no such blueprint', { ...gbm, id: 'magic' }, '/id', '"lightgbm-slow"'],
      ['an ensemble', { ...gbm, id: 'ensemble' }, '/id', 'made by Autopilot'],
      ['another family', { ...gbm, family: 'linear' }, '/family', '"gradient-boosting"'],
      [
        'parameters of the top',
        { ...gbm, parameters: { leaves: 8 } },
        '/parameters/leaves',
        `/steps/${end}/parameters`,
      ],
      [
        'a parameter of the top that is none',
        { ...gbm, parameters: { depth: 8 } },
        '/parameters/depth',
        'not a parameter',
      ],
      ['an unknown kind', replaced(3, { kind: 'sorcery' }), '/steps/3/kind', '"sorcery" is no step'],
      [
        'the end of another family',
        replaced(end, { kind: 'elastic-net' }),
        `/steps/${end}/kind`,
        '"gradient-boosting"',
      ],
      ['a kind twice', replaced(0, { kind: 'date-parts' }), '/steps/2/kind', 'kind of step 0'],
      ['no model', { ...gbm, steps: gbm.steps.slice(0, -1) }, '/steps', '"gradient-boosting"'],
      ['an id twice', replaced(1, { id: 'numbers' }), '/steps/1/id', 'id of step 0'],
      ['an unknown input', replaced(end, { inputs: ['numbers', 'lore'] }), `/steps/${end}/inputs/1`, '"lore"'],
      ['an input twice', replaced(end, { inputs: ['dates', 'dates'] }), `/steps/${end}/inputs/1`, 'twice'],
      ['itself', replaced(2, { inputs: ['dates'] }), '/steps/2/inputs/0', '"date features"'],
      ['a cycle', replaced(2, { inputs: ['gradient-boosting'] }), '/steps/2/inputs', 'no cycles'],
      [
        'an unused step',
        replaced(end, { inputs: ['numbers', 'categories'] }),
        '/steps/2',
        'nothing reads step "dates"',
      ],
      ['a step that reads a step', replaced(2, { inputs: ['date features', 'numbers'] }), '/steps/2/inputs', 'all of'],
      ['a step without its source', replaced(1, { inputs: ['boolean features'] }), '/steps/1/inputs', 'all of'],
      [
        'a parameter of no step',
        replaced(0, { parameters: { leaves: 3 } }),
        '/steps/0/parameters/leaves',
        'it has none',
      ],
      [
        'a parameter at the wrong step',
        told('lightgbm-encoded', 'gradient-boosting', { categories: 'both' }),
        `/steps/${placeOf('lightgbm-encoded', 'gradient-boosting')}/parameters/categories`,
        'not a parameter of a "gradient-boosting" step',
      ],
      [
        'a value out of range',
        told('lightgbm-default', 'gradient-boosting', { leaves: 1 }),
        `/steps/${end}/parameters/leaves`,
        'an integer from 2 to 4096; found 1',
      ],
      [
        'holidays of no country',
        changed('linear', (steps) => [{ id: 'h', kind: 'holidays', inputs: ['date features'] }, ...steps]),
        '/steps/0/parameters',
        'holidays is "none", so that the step does nothing',
      ],
      [
        'holidays of a country that is not known',
        changed('linear', (steps) => [
          { id: 'h', kind: 'holidays', inputs: ['date features'], parameters: { holidays: 'XX' } },
          ...steps,
        ]),
        '/steps/0/parameters/holidays',
        'must be one of none, US, GB, DE, FR, AT; found "XX"',
      ],
      [
        'values that do not go together',
        told('lightgbm-default', 'gradient-boosting', { boosting: 'rf' }),
        `/steps/${end}/parameters/rowFraction`,
        'below 1',
      ],
      [
        'a step that would do nothing',
        told('linear-text', 'text-scores', { words: 0, characters: 0 }),
        `/steps/${placeOf('linear-text', 'text-scores')}/parameters`,
        'leave it out',
      ],
      [
        'numbers of categories without codes',
        without('lightgbm-encoded', 'category-codes'),
        `/steps/${placeOf('lightgbm-encoded', 'category-numbers') - 1}/kind`,
        '"category-codes"',
      ],
      [
        'part of a naive forecast',
        { ...documentNamed('naive-seasonal'), steps: documentNamed('naive-seasonal').steps.slice(1) },
        '/steps',
        '"category-codes"',
      ],
      [
        'a history of no series',
        changed('linear', (steps) => [...steps, stepOf('linear-history', 'series-history')]),
        `/steps/${documentNamed('linear').steps.length}/kind`,
        '"series-history" is no step',
      ],
      ['a name from outside', { ...gbm, id: '__proto__' }, '/id', 'no blueprint'],
    ];
    for (const [what, document, path, says] of cases) {
      const err = await appErrorOf('VALIDATION_FAILED', () => madeBy(document));
      const found = err.errors.find((one) => one.path === `/blueprint${path}`);
      expect(found?.message, `${what}: ${JSON.stringify(err.errors)}`).to.include(says);
    }
  });

  it('tell all that is wrong of one sort at once', async () => {
    const document = changed('lightgbm-default', (steps) => steps.map((step) => ({ ...step, parameters: { no: 1 } })));
    const err = await appErrorOf('VALIDATION_FAILED', () => madeBy(document));
    expect(err.errors).to.have.length(document.steps.length);
  });
});

describe('ml kinds of steps', () => {
  it('are documented, with every parameter, for every step of every blueprint', () => {
    for (const kind of BLUEPRINT_STEP_KINDS) parse(BlueprintStepKind, structuredClone(kind), kind.kind);
    for (const { id, parameters, steps } of SHOWN_BLUEPRINTS) {
      const own = BLUEPRINT_STEP_KINDS.filter(({ blueprints }) => blueprints.includes(id));
      for (const step of steps) {
        const docs = own.filter(({ kind, description }) => kind === step.kind && description === step.description);
        expect(docs, `${id}: ${step.kind}`).to.have.length(1);
        expect(docs[0]?.description).to.match(/\.$/);
      }
      const documented = own.flatMap((kind) => kind.parameters);
      const defaults = documented.map((one): [string, unknown] => [one.name, one.defaults[id]]);
      expect(Object.fromEntries(defaults), id).to.deep.equal(parameters);
      expect(new Set(documented.map(({ name }) => name)).size).to.equal(documented.length);
    }
  });

  it('say of parameters what is checked', () => {
    for (const { parameters, blueprints } of BLUEPRINT_STEP_KINDS) {
      for (const { name, type, minimum, maximum, values, description } of parameters) {
        expect(description, name).to.match(/^[A-Za-z].+\.$/);
        // Some kinds of boosting have parameters that the others refuse.
        const isPlain = (one: string): boolean => {
          const settings = settingsOf(one, {}) ?? {};
          return !['dropRate', 'linearLeaves'].some((own) => own in settings);
        };
        const id = (name === 'boosting' ? blueprints.find(isPlain) : blueprints[0]) ?? null;
        // Naive Bayes has no penalty and no broken lines.
        const isIdle = id === 'naive-bayes-text' && ['l1Ratio', 'pieces'].includes(name);
        if (id === null || isIdle) continue;
        const own = settingsOf(id, {}) ?? {};
        // A forest of LightGBM needs a part of the rows.
        const boosting: Parameters = 'boosting' in own && own.boosting === 'rf' ? { boosting: 'gbdt' } : {};
        const beside: Parameters = 'boosting' in own ? { ...boosting, rowFraction: 0.5 } : {};
        const isAllowed = (value: Parameters[string]): boolean => {
          try {
            return settingsOf(id, { ...beside, [name]: value }) !== null;
          } catch {
            return false;
          }
        };
        if (values !== null) expect(values.every(isAllowed), name).to.equal(true);
        if (type === 'boolean') expect([true, 0].map(isAllowed), name).to.deep.equal([true, false]);
        if (minimum === null || maximum === null) continue;
        expect([minimum, maximum].map(isAllowed), name).to.deep.equal([true, true]);
        const beyond =
          type === 'integer' ? [minimum - 1, maximum + 1, minimum + 0.5] : [minimum - 1e-9, maximum + 1e-3];
        expect(beyond.some(isAllowed), name).to.equal(false);
      }
    }
  });
});
