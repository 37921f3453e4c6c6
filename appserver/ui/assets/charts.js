// Charts as plain SVG. Each is an image with a name and a description; its numbers are in the table that comes with it.

import { make, number } from './dom.js';

const WIDTH = 640;
const HEIGHT = 360;
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 18, 14, 48];
const ROW_HEIGHT = 24;
const NAME_WIDTH = 210;
const NAME_LENGTH_MAX = 30;
/** Classes of series that can be told apart, in the order in which they are used. */
export const SERIES = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth'];
/** Characters of names that fit side by side along the lower axis. */
const NAMED_CHARACTERS_MAX = 80;

function shape(tag, attributes = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return node;
}

/** Round values that cover a range; `most` of them or fewer. */
export function ticksOf(min, max, most = 6) {
  const span = max - min;
  if (!(span > 0)) return [min];
  const power = 10 ** Math.floor(Math.log10(span / most));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => span / size <= most) ?? span;
  const first = Math.ceil(min / step - 1e-9);
  const last = Math.floor(max / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** Least and largest of some numbers, a little apart where they are equal. */
export function rangeOf(values, { from, to } = {}) {
  let [low, high] = [from ?? Infinity, to ?? -Infinity];
  for (const value of values) {
    if (value === null || value === undefined || !Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [0, 1];
  if (low < high) return [low, high];
  const pad = Math.abs(low) / 10 || 1;
  return [from === undefined ? low - pad : low, high + pad];
}

/** A name of the data that has to fit beside others. */
export const short = (text) => (text.length > NAME_LENGTH_MAX ? `${text.slice(0, NAME_LENGTH_MAX - 1)}…` : text);

function frame({ title, description, width = WIDTH, height = HEIGHT }, ...parts) {
  const svg = shape('svg', {
    viewBox: `0 0 ${width} ${height}`,
    class: 'chart',
    role: 'img',
    'aria-label': `${title}. ${description}`,
  });
  svg.append(shape('title', {}, title), shape('desc', {}, description), ...parts);
  return svg;
}

/** A series of `plot` to hold others against: the line on which both axes say the same. */
export const diagonal = (name) => ({
  kind: 'dashes',
  name,
  className: 'soft',
  data: [
    [0, 0],
    [1, 1],
  ],
});

/**
 * Lines, points and bars over two axes.
 * x, y: {label, range: [min, max], log?, names?}; series: {kind: line|dashes|points|bars, name?, data}: [x, y] each, or [x0, x1, y] of bars; a point
 * may have a third, its name. `series[].className` is one of SERIES, or `soft`.
 */
export function plot({ title, description, x, y, series }) {
  const across = scaleOf(x, LEFT, WIDTH - RIGHT);
  const up = scaleOf(y, HEIGHT - BOTTOM, TOP);
  const parts = [...gridOf(x, y, across, up)];
  for (const one of series) parts.push(...drawn(one, across, up));
  return make('div', {}, frame({ title, description }, ...parts), legendOf(series));
}

const scaleOf = ({ range: [min, max], log = false }, from, to) => {
  const at = log ? Math.log10 : (value) => value;
  const span = at(max) - at(min) || 1;
  return (value) => from + ((at(value) - at(min)) / span) * (to - from);
};

/** Powers of ten of a logarithmic axis, or round values. */
function axisTicks({ range: [min, max], log = false, names }) {
  if (names !== undefined) {
    // Of a range its lower end: the table has both.
    const texts = names
      .map((name) => name.split(' to ')[0])
      .map((name) => (name.length > 10 ? `${name.slice(0, 9)}…` : name));
    const longest = Math.max(...texts.map((text) => text.length));
    const step = Math.ceil((texts.length * (longest + 1)) / NAMED_CHARACTERS_MAX);
    return texts.flatMap((text, index) => (index % step === 0 ? [[index, text]] : []));
  }
  if (!log) return ticksOf(min, max).map((value) => [value, number(value)]);
  const [first, last] = [Math.floor(Math.log10(min)), Math.ceil(Math.log10(max))];
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index))
    .filter((value) => value >= min * 0.999 && value <= max * 1.001)
    .map((value) => [value, number(value)]);
}

function gridOf(x, y, across, up) {
  const base = HEIGHT - BOTTOM;
  const columns = axisTicks(x).flatMap(([value, text]) => [
    shape('line', { x1: across(value), x2: across(value), y1: TOP, y2: base, class: 'grid' }),
    shape('text', { x: across(value), y: base + 17, 'text-anchor': 'middle' }, text),
  ]);
  const rows = axisTicks(y).flatMap(([value, text]) => [
    shape('line', { x1: LEFT, x2: WIDTH - RIGHT, y1: up(value), y2: up(value), class: 'grid' }),
    shape('text', { x: LEFT - 8, y: up(value) + 4, 'text-anchor': 'end' }, text),
  ]);
  const middle = (TOP + base) / 2;
  return [
    ...columns,
    ...rows,
    shape('text', { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 8, 'text-anchor': 'middle', class: 'axis' }, x.label),
    shape(
      'text',
      { x: 14, y: middle, 'text-anchor': 'middle', class: 'axis', transform: `rotate(-90 14 ${middle})` },
      y.label,
    ),
  ];
}

const pathOf = (data, across, up) =>
  data
    .filter(([, value]) => value !== null && Number.isFinite(value))
    .map(([at, value], index) => `${index === 0 ? 'M' : 'L'}${across(at).toFixed(1)} ${up(value).toFixed(1)}`)
    .join('');

function drawn({ kind, data, className = 'first' }, across, up) {
  if (kind === 'line' || kind === 'dashes')
    return [shape('path', { d: pathOf(data, across, up), class: `line ${className} ${kind}`, fill: 'none' })];
  if (kind === 'points')
    return data
      .filter(([, value]) => value !== null && Number.isFinite(value))
      .map(([at, value, name]) => {
        const dot = shape('circle', {
          cx: across(at).toFixed(1),
          cy: up(value).toFixed(1),
          r: data.length > 200 ? 2 : 4,
          class: `dot ${className}`,
        });
        if (name !== undefined) dot.append(shape('title', {}, name));
        return dot;
      });
  const base = HEIGHT - BOTTOM;
  return data.map(([from, to, value]) => {
    const top = up(value);
    return shape('rect', {
      x: across(from),
      width: Math.max(0.5, across(to) - across(from) - 1),
      y: top,
      height: Math.max(0, base - top),
      class: `bar ${className}`,
    });
  });
}

function legendOf(series) {
  const named = series.filter(({ name }) => name !== undefined);
  if (named.length < 2) return make('span');
  return make(
    'p',
    { className: 'legend' },
    ...named.map(({ name, kind, className = 'first' }) =>
      make('span', { className: `key ${className} ${kind}` }, name),
    ),
  );
}

/** Horizontal bars, each with its name, from 0 to the left or right: rows of {name, value, error?}. */
export function bars({ title, description, label, rows }) {
  const height = rows.length * ROW_HEIGHT + BOTTOM + TOP;
  const range = rangeOf(
    rows.flatMap(({ value, error = 0 }) => [value - error, value + error]),
    { from: 0, to: 0 },
  );
  const across = scaleOf({ range }, NAME_WIDTH, WIDTH - RIGHT);
  const base = height - BOTTOM;
  const grid = ticksOf(...range).flatMap((value) => [
    shape('line', { x1: across(value), x2: across(value), y1: TOP, y2: base, class: value === 0 ? 'zero' : 'grid' }),
    shape('text', { x: across(value), y: base + 17, 'text-anchor': 'middle' }, number(value)),
  ]);
  const drawnRows = rows.flatMap(({ name, value, error = 0 }, index) => {
    const y = TOP + index * ROW_HEIGHT;
    const [from, to] = [Math.min(0, value), Math.max(0, value)].map(across);
    const text = shape('text', { x: NAME_WIDTH - 10, y: y + 16, 'text-anchor': 'end', class: 'name' }, short(name));
    text.append(shape('title', {}, name));
    const bar = shape('rect', {
      x: from,
      y: y + 4,
      width: Math.max(1, to - from),
      height: ROW_HEIGHT - 8,
      class: `bar ${value < 0 ? 'second' : 'first'}`,
    });
    const middle = y + ROW_HEIGHT / 2;
    const whisker = { x1: across(value - error), x2: across(value + error), y1: middle, y2: middle, class: 'whisker' };
    return [text, bar, ...(error > 0 ? [shape('line', whisker)] : [])];
  });
  const axis = shape(
    'text',
    { x: (NAME_WIDTH + WIDTH - RIGHT) / 2, y: height - 8, 'text-anchor': 'middle', class: 'axis' },
    label,
  );
  return frame({ title, description, height }, ...grid, ...drawnRows, axis);
}

/** A chart with its numbers: what is drawn, and the table of it that can be opened. */
export function figure(chart, caption, numbers) {
  return make(
    'figure',
    {},
    chart,
    make('figcaption', { className: 'hint' }, caption),
    make(
      'details',
      {},
      make('summary', {}, 'The numbers as a table'),
      make('div', { className: 'scroll tall' }, numbers),
    ),
  );
}

const [SPARK_WIDTH, SPARK_HEIGHT] = [96, 22];

/** A line so small that it stands in a table. */
export function sparkline({ title, description, values }) {
  const [low, high] = rangeOf(values, { from: 0 });
  const across = scaleOf({ range: [0, Math.max(1, values.length - 1)] }, 2, SPARK_WIDTH - 2);
  const up = scaleOf({ range: [low, high] }, SPARK_HEIGHT - 2, 2);
  const line = shape('path', {
    d: pathOf(
      values.map((value, index) => [index, value]),
      across,
      up,
    ),
    class: 'line first',
    fill: 'none',
  });
  const svg = frame({ title, description, width: SPARK_WIDTH, height: SPARK_HEIGHT }, line);
  svg.setAttribute('class', 'chart spark');
  return svg;
}
