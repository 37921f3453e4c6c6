/** A line, or points where it is not drawn through. */
export interface Series {
  readonly name: string;
  /** In units of the axes. */
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly style: 'line' | 'points' | 'dashes';
}

export interface Chart {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
}

const WIDTH = 720;
const HEIGHT = 420;
const LEFT = 72;
const RIGHT = 24;
const TOP = 44;
const BOTTOM = 56;
const LEGEND_LINE = 18;
/** Told apart by people who see few colours, too (Okabe and Ito 2008). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const TICKS = 6;
/** A line through more points than these has no dots. */
const DOTS_MAX = 30;

/** A chart as SVG, both axes from 0. */
export function lineChart({ title, x, y, series }: Chart): string {
  const points = series.flatMap((one) => one.points);
  const right = niceEnd(Math.max(...points.map(([value]) => value)));
  const top = niceEnd(Math.max(...points.map(([, value]) => value)));
  const across = (value: number): string => (LEFT + (value / right.end) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const up = (value: number): string => (HEIGHT - BOTTOM - (value / top.end) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    `<text x="${LEFT}" y="24" font-size="15">${escaped(title)}</text>`,
    ...ticks(right).map(
      (value) =>
        `<path d="M${across(value)} ${TOP}V${HEIGHT - BOTTOM}" stroke="#dddddd"/><text x="${across(value)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${told(value)}</text>`,
    ),
    ...ticks(top).map(
      (value) =>
        `<path d="M${LEFT} ${up(value)}H${WIDTH - RIGHT}" stroke="#dddddd"/><text x="${LEFT - 8}" y="${Number(up(value)) + 4}" text-anchor="end">${told(value)}</text>`,
    ),
    `<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="#333333"/>`,
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 16}" text-anchor="middle">${escaped(x)}</text>`,
    `<text transform="translate(18 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>`,
    ...series.flatMap((one, index) => drawn(one, COLOURS[index % COLOURS.length] ?? '#000000', across, up)),
    ...series.map(({ name }, index) => {
      const at = TOP + 12 + LEGEND_LINE * index;
      const colour = COLOURS[index % COLOURS.length] ?? '#000000';
      return `<circle cx="${LEFT + 16}" cy="${at - 4}" r="4" fill="${colour}"/><text x="${LEFT + 28}" y="${at}">${escaped(name)}</text>`;
    }),
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
}

type Place = (value: number) => string;

function drawn({ points, style }: Series, colour: string, across: Place, up: Place): string[] {
  const path = points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${across(x)} ${up(y)}`).join('');
  const line = `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"${style === 'dashes' ? ' stroke-dasharray="6 4"' : ''}/>`;
  const dots = points.map(([x, y]) => `<circle cx="${across(x)}" cy="${up(y)}" r="4" fill="${colour}"/>`);
  if (style === 'points') return dots;
  return style === 'dashes' || points.length > DOTS_MAX ? [line] : [line, ...dots];
}

interface Axis {
  readonly end: number;
  readonly step: number;
}

/** Ticks at one, two or five times a power of ten. */
function niceEnd(most: number): Axis {
  const rough = most / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((times) => times * power >= rough) ?? 10) * power;
  return { end: Math.ceil(most / step) * step, step };
}

const ticks = ({ end, step }: Axis): number[] =>
  Array.from({ length: Math.round(end / step) + 1 }, (_, index) => index * step);

const told = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 3 });

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
