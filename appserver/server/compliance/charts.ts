import { markup, named, NOTHING, type Markup } from './markup.ts';
import { figure } from './numbers.ts';

/** A number of an axis. */
export interface Axis {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly format?: (value: number) => string;
}

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
  readonly shape: 'line' | 'dots';
}

export interface Chart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  /** At most three, which a legend names where there are several. */
  readonly series: readonly Series[];
  /** A line where y equals x. */
  readonly hasDiagonal?: boolean;
}

const WIDTH = 420;
const HEIGHT = 250;
const LEFT = 62;
const RIGHT = 10;
const TOP = 22;
const BOTTOM = 40;
const TICKS = 4;
const TITLE_CHARACTERS_MAX = 160;

/** A coordinate to a tenth of a unit: as many digits as can be seen. */
const place = (value: number): string => String(Math.round(value * 10) / 10);

/** Steps of 1, 2 or 5 times a power of ten that part a range into about {@link TICKS}. */
export function ticks(from: number, to: number): number[] {
  const span = to - from;
  if (!(span > 0) || !Number.isFinite(span)) return [from];
  const rough = span / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first) + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

/** A range that has all values in it; of one value something around it. */
export function rangeOf(values: readonly number[]): { readonly from: number; readonly to: number } {
  const known = values.filter(Number.isFinite);
  const from = known.reduce((least, value) => Math.min(least, value), Infinity);
  const to = known.reduce((most, value) => Math.max(most, value), -Infinity);
  if (from < to) return { from, to };
  const only = Number.isFinite(from) ? from : 0;
  const around = Math.abs(only) / 10 || 1;
  return { from: only - around, to: only + around };
}

/** A chart of lines and points as SVG, with its title and axes in words for who does not see it. */
export function chart({ title, x, y, series, hasDiagonal = false }: Chart): Markup {
  const toX = scaleOf(x, LEFT, WIDTH - RIGHT);
  const toY = scaleOf(y, HEIGHT - BOTTOM, TOP);
  const format = { x: x.format ?? shortFigure, y: y.format ?? shortFigure };
  const grid = [
    ...ticks(x.from, x.to).map((value) => {
      const at = place(toX(value));
      return markup`<path class="grid" d="M${at} ${TOP}V${HEIGHT - BOTTOM}"/><text x="${at}" y="${HEIGHT - BOTTOM + 14}" text-anchor="middle">${format.x(value)}</text>\n`;
    }),
    ...ticks(y.from, y.to).map((value) => {
      const at = place(toY(value));
      return markup`<path class="grid" d="M${LEFT} ${at}H${WIDTH - RIGHT}"/><text x="${LEFT - 5}" y="${at}" dy="3.5" text-anchor="end">${format.y(value)}</text>\n`;
    }),
  ];
  const drawn = series.map(({ points, shape }, index) =>
    shape === 'line' ? pathOf(points, index, toX, toY) : dotsOf(points, index, toX, toY),
  );
  const low = Math.max(x.from, y.from);
  const high = Math.min(x.to, y.to);
  const diagonal =
    hasDiagonal && low < high
      ? markup`<path class="diagonal" d="M${place(toX(low))} ${place(toY(low))}L${place(toX(high))} ${place(toY(high))}"/>`
      : NOTHING;
  return markup`<figure><figcaption>${named(title, TITLE_CHARACTERS_MAX)}</figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${`${title}: ${y.label} by ${x.label}`}">
${grid}<path class="axis" d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}"/>${diagonal}${drawn}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${x.label}</text><text x="${LEFT}" y="12">${y.label}</text>
</svg>${series.length > 1 ? legend(series) : NOTHING}</figure>
`;
}

const scaleOf =
  ({ from, to }: Axis, low: number, high: number) =>
  (value: number): number =>
    low + ((value - from) / (to - from || 1)) * (high - low);

/** Three significant digits without zeros at their end, large numbers in thousands. */
export const shortFigure = (value: number): string => {
  const size = Math.abs(value);
  const short = (scaled: number): string =>
    figure(scaled, 3)
      .replace(/(\.\d*?)0+$/, '$1')
      .replace(/\.$/, '');
  if (size >= 1e9) return `${short(value / 1e9)}G`;
  if (size >= 1e6) return `${short(value / 1e6)}M`;
  return size >= 1e4 ? `${short(value / 1e3)}k` : short(value);
};

type Scale = (value: number) => number;

function pathOf(points: Series['points'], index: number, toX: Scale, toY: Scale): Markup {
  const d = points.map(([x, y], at) => `${at === 0 ? 'M' : 'L'}${place(toX(x))} ${place(toY(y))}`).join('');
  return markup`<path class="line-${index}" d="${d}"/>`;
}

const dotsOf = (points: Series['points'], index: number, toX: Scale, toY: Scale): Markup =>
  markup`${points.map(([x, y]) => markup`<circle class="dot-${index}" cx="${place(toX(x))}" cy="${place(toY(y))}" r="2.6"/>`)}`;

function legend(series: readonly Series[]): Markup {
  const entries = series.map(({ name, shape }, index) => {
    const mark =
      shape === 'line'
        ? markup`<path class="line-${index}" d="M2 8H22"/>`
        : markup`<circle class="dot-${index}" cx="12" cy="8" r="3"/>`;
    return markup`<g transform="translate(${index * 140} 0)">${mark}<text x="27" y="12">${name}</text></g>`;
  });
  return markup`<svg viewBox="0 0 ${WIDTH} 16" aria-hidden="true">${entries}</svg>`;
}

/** One bar of a chart, with what its value may be off by. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly error: number | null;
}

const BAR_HEIGHT = 20;
const LABEL_WIDTH = 150;
const LABEL_CHARACTERS = 24;
const VALUE_WIDTH = 130;
const BARS_WIDTH = 580;

/** Horizontal bars from zero on, with error bars. */
export function bars(title: string, rows: readonly Bar[], format: (bar: Bar) => string): Markup {
  const ends = rows.flatMap(({ value, error }) => [value - (error ?? 0), value + (error ?? 0)]);
  const { from, to } = rangeOf([0, ...ends]);
  const toX = scaleOf({ label: '', from, to }, LABEL_WIDTH, BARS_WIDTH - VALUE_WIDTH);
  const height = rows.length * BAR_HEIGHT + 8;
  const zero = toX(0);
  const drawn = rows.map((row, index) => {
    const top = index * BAR_HEIGHT + 4;
    const middle = top + BAR_HEIGHT / 2 - 1;
    const end = toX(row.value);
    const error =
      row.error === null
        ? NOTHING
        : markup`<path class="error" d="M${place(toX(row.value - row.error))} ${middle}H${place(toX(row.value + row.error))}"/>`;
    return markup`<text x="${LABEL_WIDTH - 6}" y="${middle + 4}" text-anchor="end">${shortLabel(row.label)}</text><rect class="${row.value < 0 ? 'bar-negative' : 'bar'}" x="${place(Math.min(zero, end))}" y="${top}" width="${place(Math.abs(end - zero))}" height="${BAR_HEIGHT - 6}"/>${error}<text x="${BARS_WIDTH - VALUE_WIDTH + 6}" y="${middle + 4}">${format(row)}</text>\n`;
  });
  return markup`<figure><figcaption>${title}</figcaption><svg viewBox="0 0 ${BARS_WIDTH} ${height}" role="img" aria-label="${title}">
${drawn}<path class="axis" d="M${place(zero)} 0V${height}"/>
</svg></figure>
`;
}

const shortLabel = (label: string): string => {
  const characters = Array.from(label.slice(0, 2 * LABEL_CHARACTERS));
  return characters.length > LABEL_CHARACTERS ? `${characters.slice(0, LABEL_CHARACTERS - 1).join('')}…` : label;
};
