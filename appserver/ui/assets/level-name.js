// What the values of a part of the rows are called.

import { number } from './dom.js';

/** A range, a level, missing cells or all other levels; dates as days. */
export const levelName = ({ kind, from, to, level }, isDate) => {
  const edge = (value) =>
    value === null ? '∞' : isDate ? new Date(value * 1000).toISOString().slice(0, 10) : number(value);
  if (kind === 'missing') return 'missing';
  if (kind === 'others') return 'all others';
  return kind === 'level' ? (level ?? '') : from === to ? edge(from) : `${edge(from)} to ${edge(to)}`;
};
