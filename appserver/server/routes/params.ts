import { Id, strict } from '#contracts';

/** Path parameters of an object. */
export const IdParams = strict({ id: Id });
