import { Parameters } from './autopilot.ts';
import { nullable, oneOf, strict } from './schema.ts';
import { Description, Name } from './rest/common.ts';
import { Type, type Static } from './type.ts';

/** What kind of model ends a blueprint. */
export const BLUEPRINT_FAMILIES = [
  'baseline',
  'gradient-boosting',
  'random-forest',
  'linear',
  'factorization',
  'neural-network',
  'ensemble',
] as const;

/** What the fit of a model found; a fit of the blueprint finds it anew. */
const Found = Type.Record(Type.String(), Type.Number());

/** A graph of steps with parameters; `id` names what it is, `family` what kind of model ends it. */
export const Blueprint = strict(
  {
    id: Type.String(),
    name: Type.String(),
    family: oneOf(BLUEPRINT_FAMILIES),
    description: Type.String(),
    parameters: Parameters,
    steps: Type.Array(
      strict({
        id: Type.String(),
        kind: Type.String(),
        inputs: Type.Array(Type.String()),
        parameters: Type.Optional(Parameters),
        description: Type.String(),
      }),
    ),
  },
  { $id: 'Blueprint' },
);
export type Blueprint = Static<typeof Blueprint>;

/** Steps of a blueprint, inputs of a step at most. */
const STEPS_MAX = 50;

/**
 * A blueprint that can be changed and trained: `id` names the one of the catalogue that it was made from, whose engine it keeps; all
 * parameters stand at their steps. `family`, `parameters` and what descriptions of steps say are the catalogue's.
 */
export const BlueprintDocument = strict(
  {
    id: Type.String({ maxLength: 100 }),
    name: Type.Optional(Name),
    family: Type.Optional(Type.String({ maxLength: 100 })),
    description: Type.Optional(Description),
    parameters: Type.Optional(Parameters),
    steps: Type.Array(
      strict({
        id: Type.String({ pattern: '^[A-Za-z0-9._-]{1,100}$' }),
        kind: Type.String({ maxLength: 100 }),
        inputs: Type.Array(Type.String({ maxLength: 200 }), { maxItems: STEPS_MAX }),
        parameters: Type.Optional(Parameters),
        found: Type.Optional(Found),
        description: Type.Optional(Description),
      }),
      { minItems: 1, maxItems: STEPS_MAX },
    ),
  },
  { $id: 'BlueprintDocument' },
);
export type BlueprintDocument = Static<typeof BlueprintDocument>;

/** One parameter of a kind of step; `defaults` has its value in each blueprint that has it. */
export const StepParameter = strict({
  name: Type.String(),
  type: oneOf(['integer', 'number', 'boolean', 'string']),
  minimum: nullable(Type.Number({ description: 'inclusive; null: no number' })),
  maximum: nullable(Type.Number({ description: 'inclusive; null: no number' })),
  values: nullable(Type.Array(Type.String(), { description: 'what a string may be' })),
  defaults: Parameters,
  description: Type.String(),
  source: nullable(Type.String({ description: 'the publication or program that it is of' })),
});
export type StepParameter = Static<typeof StepParameter>;

/** What a kind of step does; one that other families do otherwise is told once for each. */
export const BlueprintStepKind = strict(
  {
    kind: Type.String(),
    role: oneOf(['features', 'model'], { description: 'what features become, or the model that ends a blueprint' }),
    blueprints: Type.Array(Type.String(), { description: 'ids of the blueprints that can have it' }),
    inputs: Type.Array(Type.String()),
    description: Type.String(),
    source: nullable(Type.String({ description: 'the publication or program that it is of' })),
    parameters: Type.Array(StepParameter),
  },
  { $id: 'BlueprintStepKind' },
);
export type BlueprintStepKind = Static<typeof BlueprintStepKind>;
