// Small charts in SVG: a course on its expected band, and one vital sign. Each says in words what it shows.
import { h, s } from './dom.js';
import { forecast, instrument, number, ratio } from './words.js';

/** The scores by which a patient is judged: the composite where there is one, else the first with an expected value. */
export function judgedSeries(scores, episode) {
  const usable = scores.filter((point) => point.index !== null && point.days_since_treatment !== null);
  const episodes = usable.map((point) => point.episode_id);
  const wanted = episodes.includes(episode) ? episode : episodes.at(-1);
  const own = usable.filter((point) => point.episode_id === wanted);
  const name =
    own.find((point) => point.instrument === 'composite')?.instrument ??
    own.find((point) => point.expected !== null)?.instrument ??
    own[0]?.instrument;
  if (!name) return null;
  const points = own.filter((point) => point.instrument === name).sort((a, b) => a.days_since_treatment - b.days_since_treatment);
  return { name, points };
}

function ticks(from, to, most) {
  const raw = (to - from) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw);
  const all = [];
  for (let at = Math.ceil(from / step) * step; at <= to + step / 1e6; at += step) all.push(Math.round(at * 1e6) / 1e6);
  return all;
}

const path = (points) => points.map(([x, y], at) => `${at ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');

/** One standard deviation either side of a mean, where there is one. */
const around = (points, mean, sd) =>
  points.filter((point) => point[mean] !== null).map((point) => ({ day: point.days_since_treatment, mean: point[mean], low: point[mean] - (point[sd] ?? 0), high: point[mean] + (point[sd] ?? 0) }));

const ofPatient = (point) => (point.forecast === null ? '' : `, expected of this patient ${forecast(point)}`);

/** The index on the band of those alike and the own one. `mark`: upload that an alert is about. */
export function trajectory({ name, points }, { width, height, mark }) {
  const box = { left: 38, right: 10, top: 12, bottom: 32 };
  const expected = around(points, 'expected', 'expected_sd');
  const own = around(points, 'forecast', 'forecast_sd');
  const values = [100, ...points.map((point) => point.index), ...[...expected, ...own].flatMap(({ low, high }) => [low, high])];
  const [low, high] = [Math.max(0, Math.min(...values) - 8), Math.max(...values) + 8];
  const days = points.map((point) => point.days_since_treatment);
  const [first, last] = [Math.min(0, ...days), Math.max(28, ...days)];
  const x = (day) => box.left + ((day - first) / (last - first)) * (width - box.left - box.right);
  const y = (value) => box.top + ((high - value) / (high - low)) * (height - box.top - box.bottom);
  const at = (point, value) => [x(point.days_since_treatment), y(value)];
  const line = (band, side) => path(band.map((one) => [x(one.day), y(one[side])]));
  const area = (band) => `${line(band, 'high')}${line([...band].reverse(), 'low').replace('M', 'L')}Z`;
  const dot = (point) => {
    const marked = point.upload_id === mark || (!mark && point === points.at(-1));
    const share = ratio(point.index, point.expected);
    const [cx, cy] = at(point, point.index);
    const below = share !== null && share < 90 ? ' below' : '';
    return s('circle', { cx, cy, r: marked ? 6 : 3.5, class: `dot${marked ? ' marked' : ''}${below}` },
      s('title', {}, `Day ${Math.round(point.days_since_treatment)}: index ${number(point.index)}${share === null ? '' : `, ${share} % of expected`}${ofPatient(point)}`));
  };
  const newest = points.at(-1);
  const share = ratio(newest.index, newest.expected);
  const label = `${instrument(name)} index over ${points.length} uploads, day ${Math.round(days[0])} to ${Math.round(days.at(-1))}; newest ${number(newest.index)}` +
    `${share === null ? '' : `, ${share} % of the expected ${number(newest.expected)}`}${ofPatient(newest)}.`;
  return s('svg', { class: 'chart', width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label },
    ticks(low, high, 4).map((value) => [
      s('line', { x1: box.left, x2: width - box.right, y1: y(value), y2: y(value), class: 'grid' }),
      s('text', { x: box.left - 6, y: y(value) + 4, class: 'tick end' }, number(value)),
    ]),
    ticks(first, last, Math.max(2, width / 90)).map((day) => s('text', { x: x(day), y: height - box.bottom + 16, class: 'tick middle' }, number(day))),
    s('text', { x: width - box.right, y: height - 3, class: 'tick end' }, 'days since treatment'),
    s('text', { x: box.left, y: height - 3, class: 'tick' }, 'index, % of baseline'),
    first < 0 && s('line', { x1: x(0), x2: x(0), y1: box.top, y2: height - box.bottom, class: 'axis' }),
    s('line', { x1: box.left, x2: width - box.right, y1: y(100), y2: y(100), class: 'baseline' }),
    expected.length > 1 && [s('path', { class: 'band', d: area(expected) }), s('path', { class: 'expected', d: line(expected, 'mean') })],
    own.length > 0 && s('path', { class: 'own-band', d: area(own) }),
    s('path', { class: 'index', d: path(points.map((point) => at(point, point.index))) }),
    points.map(dot));
}

/** What the lines and areas of a trajectory are. */
export const legend = ({ points }) =>
  h('ul', { class: 'legend', 'aria-hidden': 'true' },
    h('li', { class: 'key-index' }, 'index'), h('li', { class: 'key-below' }, 'under 90 % of expected'),
    h('li', { class: 'key-band' }, 'expected (± 1 SD)'),
    points.some((point) => point.forecast !== null) && h('li', { class: 'key-own-band' }, 'expected of this patient, from the own earlier answers (± 1 SD)'),
    h('li', { class: 'key-baseline' }, 'baseline'));

/** Days without a reading for longer than this leave a gap. */
const GAP_MS = 3.5 * 86_400_000;

/** One vital sign by day: range and mean. */
export function vital(days, label) {
  const [width, height] = [220, 64];
  const box = { left: 4, right: 4, top: 6, bottom: 6 };
  const [first, last] = [days[0].day_start, days.at(-1).day_start];
  const [low, high] = [Math.min(...days.map((day) => day.min)), Math.max(...days.map((day) => day.max))];
  const x = (time) => box.left + ((time - first) / Math.max(1, last - first)) * (width - box.left - box.right);
  const y = (value) => box.top + ((high - value) / Math.max(1e-9, high - low)) * (height - box.top - box.bottom);
  const runs = [];
  for (const [at, day] of days.entries()) {
    if (at === 0 || day.day_start - days[at - 1].day_start > GAP_MS) runs.push([]);
    runs.at(-1).push(day);
  }
  const line = (run, side) => run.map((day) => [x(day.day_start), y(day[side])]);
  const closed = (run) => `${path(line(run, 'max'))}${path(line(run, 'min').reverse()).replace('M', 'L')}Z`;
  const newest = [x(last), y(days.at(-1).mean)];
  // stretched to its place; a line without length is a dot that stays round
  return s('svg', { class: 'chart stretched', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    runs.map((run) => [s('path', { class: 'range', d: closed(run) }), s('path', { class: run.length > 1 ? 'index' : 'single', d: path([...line(run, 'mean'), ...line(run, 'mean').slice(0, 1)].slice(0, Math.max(2, run.length))) })]),
    s('path', { class: 'newest', d: path([newest, newest]) }));
}
