import { Type, type Static } from 'typebox';
import { oneOf, strict } from './schema.ts';

/** A graph of steps with parameters; `id` names what it is, `family` what kind of model ends it. */
export const Blueprint = strict(
  {
    id: Type.String(),
    name: Type.String(),
    family: oneOf(['baseline', 'gradient-boosting', 'random-forest', 'linear', 'ensemble']),
    description: Type.String(),
    parameters: Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Boolean()])),
    steps: Type.Array(
      strict({
        id: Type.String(),
        kind: Type.String(),
        inputs: Type.Array(Type.String()),
        description: Type.String(),
      }),
    ),
  },
  { $id: 'Blueprint' },
);
export type Blueprint = Static<typeof Blueprint>;
