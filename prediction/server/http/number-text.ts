import { AppError } from '#contracts';

/** JSON has no infinities; a model of finite leaves gives none, so one is our fault. @throws INTERNAL */
export function numberText(value: string | number | undefined): string {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  throw new AppError('INTERNAL', `a prediction is ${value ?? 'missing'}`);
}
