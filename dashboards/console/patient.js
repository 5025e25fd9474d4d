// A patient's page.
import { h, table } from './dom.js';
import { judgedSeries, legend, trajectory, vital } from './chart.js';
import { due } from './list.js';
import * as words from './words.js';

export function show(main, page, { live }) {
  const series = judgedSeries(page.scores, null);
  const chart = h('div', { class: 'course large' });
  const newest = series?.points.at(-1);
  const some = newest ?? page.scores.at(-1);
  main.replaceChildren(h('div', { class: 'page' },
    h('p', { class: 'crumb' }, h('a', { href: '#/' }, 'Alerts')),
    h('h1', {}, page.patient_id),
    h('p', { class: 'about' }, header(page, some)),
    h('section', {},
      h('h2', {}, 'Course'),
      newest ? h('p', { class: 'lead' }, judgement(newest)) : h('p', { class: 'muted' }, 'No index yet.'),
      series && [chart, legend(series), courseTable(series)]),
    h('section', {}, h('h2', {}, 'Last answers'), answers(page.scores)),
    h('section', {}, h('h2', {}, 'Alerts'), alerts(page.alerts.filter((alert) => alert.audience !== 'service'), live)),
    h('section', {}, h('h2', {}, 'Vital signs'), page.vitals.length ? h('div', { class: 'multiples' }, multiples(page.vitals)) : h('p', { class: 'muted' }, 'No device has sent anything.'), vitalScores(page.vital_scores)),
    h('section', {}, h('h2', {}, 'Reviews'), reviews(page.reviews)),
    h('section', {}, h('h2', {}, 'Money'), entries(page.entries))));
  const draw = () => {
    const width = Math.floor(chart.clientWidth);
    if (series && width) chart.replaceChildren(trajectory(series, { width, height: width < 500 ? 240 : 320 }));
  };
  draw();
  const watch = new ResizeObserver(draw);
  watch.observe(main);
  return () => watch.disconnect();
}

function header(page, some) {
  const { care_team, clinician_id } = page.owner;
  const clinician = clinician_id && h('a', { href: `#/clinician/${encodeURIComponent(clinician_id)}` }, clinician_id);
  const parts = [words.procedure(some?.procedure), some?.manufacturer, care_team, clinician];
  return parts.filter(Boolean).flatMap((part, at) => (at ? [' · ', part] : [part]));
}

const judgement = (point) =>
  `${words.judged({ index: point.index, expected: point.expected, n: point.expected_n, sd: point.expected_sd, edition: point.curve_edition })}. ` +
  `Answered ${words.date(point.answered_at)}, day ${Math.round(point.days_since_treatment)}. ${point.uploads_done} of ${point.uploads_due} uploads done.`;

function courseTable({ points }) {
  const row = (point) => [words.date(point.answered_at), number0(point.days_since_treatment), words.number(point.index),
    words.number(point.expected), percent(words.ratio(point.index, point.expected)), words.forecast(point) ?? '–', point.curve_edition ?? '–'];
  return h('details', {}, h('summary', {}, 'As a table'),
    table('Index and expected value by upload', ['Answered', 'Day#', 'Index#', 'Expected#', 'Of expected#', 'Expected of this patient#', 'Edition'], points.map(row).reverse()));
}

const number0 = (value) => (value === null ? '–' : String(Math.round(value)).replace('-', '−'));
const percent = (value) => (value === null ? '–' : `${value} %`);

/** The newest upload, what changed most first. */
function answers(scores) {
  const last = scores.at(-1);
  if (!last) return h('p', { class: 'muted' }, 'Nothing has been answered yet.');
  const upload = scores.filter((point) => point.upload_id === last.upload_id && point.instrument !== 'composite');
  upload.sort((a, b) => (a.change_mcid ?? 0) - (b.change_mcid ?? 0));
  const row = (point) => [words.instrument(point.instrument), words.number(point.score), words.number(point.baseline), change(point),
    Object.entries(point.scales).map(([name, value]) => `${name.replaceAll('_', ' ')} ${words.number(value)}`).join(', ') || (point.reason ? words.reason(point.reason) : '–')];
  return [
    h('p', { class: 'muted' }, `Answered ${words.time(last.answered_at)} by the ${last.respondent}, upload ${last.upload_id}.`),
    table('Scores of the newest upload', ['Questionnaire', 'Score#', 'Baseline#', 'Since the upload before', 'In detail'], upload.map(row)),
  ];
}

function change(point) {
  if (point.change_mcid === null) return '–';
  const size = Math.abs(point.change_mcid);
  if (size < 1) return 'no change that matters';
  return h('span', { class: point.change_mcid < 0 ? 'worse' : 'better' },
    `${point.change_mcid < 0 ? '▼ worse' : '▲ better'}, ${words.number(size)} × the smallest that matters`);
}

function alerts(all, live) {
  if (!all.length) return h('p', { class: 'muted' }, 'None.');
  const now = live.now();
  const row = (alert) => [h('span', { class: `severity ${alert.severity}` }, words.severity(alert.severity)), words.rule(alert.rule),
    words.evidence(alert)[0] ?? '', words.time(alert.raised_at), alert.status === 'resolved' ? `resolved: ${words.outcome(alert.outcome ?? '')}` : `${alert.status}, ${due(alert, now).text}`];
  return table('Alerts, newest first', ['Severity', 'What', 'Why', 'Raised', 'State'], all.map(row));
}

/** What counts something is shown as the day's sum; doses are told by the adherence below. */
const SUMS = new Set(['steps', 'sleep_duration']);
const ELSEWHERE = new Set(['doses_taken', 'doses_due']);

function asShown(day) {
  const sum = day.mean * day.readings;
  return SUMS.has(day.metric) ? { ...day, mean: sum, min: sum, max: sum } : day;
}

function multiples(days) {
  const by = Map.groupBy(days.filter((day) => !ELSEWHERE.has(day.metric)).map(asShown), (day) => day.metric);
  return [...by].sort(([a], [b]) => (words.metric(a) < words.metric(b) ? -1 : 1)).map(([metric, own]) => {
    const last = own.at(-1);
    const text = `${words.number(last.mean)} ${words.unit(last.unit)}`;
    const [low, high] = [Math.min(...own.map((day) => day.min)), Math.max(...own.map((day) => day.max))];
    return h('figure', {},
      h('figcaption', {}, h('span', {}, words.metric(metric)), h('strong', {}, text)),
      vital(own, `${words.metric(metric)}, daily mean and range, ${own.length} days, newest ${text}`),
      h('p', { class: 'muted' }, `${words.date(own[0].day_start)} to ${words.date(last.day_start)}, ${words.number(low)} to ${words.number(high)}`));
  });
}

function vitalScores(all) {
  const said = {
    news2: (v) => `Early warning score ${words.number(v.value)}${v.band ? `, ${v.band.replaceAll('_', ' ')} risk` : ''}`,
    surge: (v) => `Systolic pressure rose to ${words.number(v.value)} ${words.unit(v.unit)} from ${words.number(v.median)}`,
    baseline: (v) => `${words.metric(v.metric ?? '')} ${words.number(v.value)} ${words.unit(v.unit)}, own median ${words.number(v.median)} (${words.number(v.robust_z)} SD)`,
    adherence_month: (v) => `Doses of the month: ${words.number(v.parts.taken ?? 0)} of ${words.number(v.parts.due ?? 0)} due were taken`,
  };
  const days = all.filter((v) => v.kind === 'adherence');
  const sum = (part) => days.reduce((total, v) => total + (v.parts[part] ?? 0), 0);
  const doses = days.length > 0 && h('li', {}, h('span', { class: 'muted' }, `${words.count(days.length, 'day')} to ${words.date(days[0].measured_at)}  `), `Doses taken ${words.number(sum('taken'))} of ${words.number(sum('due'))} due`);
  const others = all.filter((v) => v.kind !== 'adherence').slice(0, 12);
  const lines = others.map((v) => h('li', {}, h('span', { class: 'muted' }, `${words.time(v.measured_at)}  `), (said[v.kind] ?? ((o) => `${o.kind} ${words.number(o.value)}`))(v)));
  return (doses || lines.length > 0) && h('ul', { class: 'facts' }, doses, lines);
}

export const verdict = (review) =>
  review.verdict === 'service' ? 'counted as service' : `did not count: ${review.reasons.map(words.reason).join(', ')}`;

export const session = (review) =>
  `${words.span(review.duration_ms)}, ${words.count(review.sections_read, 'section')}, ${words.count(review.interactions, 'interaction')}`;

function reviews(all) {
  if (!all.length) return h('p', { class: 'muted' }, 'None yet.');
  return table('Reviews, newest first', ['Ended', 'By', 'Upload', 'Session', 'Verdict'],
    all.map((review) => [words.time(review.ended_at), review.reviewer_id, review.upload_id ?? '–', session(review), verdict(review)]));
}

function entries(all) {
  // lines with their reversals, and of what is held only how it stands now
  const shown = all.filter((entry) => entry.kind === 'line' || words.stands(entry, all));
  if (!shown.length) return h('p', { class: 'muted' }, 'No lines yet.');
  const row = (entry) => [entry.service_period ?? '–', entry.kind === 'held' ? 'not paid' : (entry.component ?? '').replaceAll('_', ' ') + (entry.reverses ? ' (reversal)' : ''),
    entry.payer ?? '–', entry.payee ?? '–', entry.kind === 'held' ? '–' : words.money(entry.amount_minor, entry.currency), why(entry)];
  return table('Money lines, newest first', ['Month', 'What', 'From', 'To', 'Amount#', 'Why'], shown.map(row));
}

/** What an entry rests on, in one line. */
export function why(entry) {
  const of = (name) => entry.evidence.find((fact) => fact.name === name)?.value;
  const rounded = (name) => of(name) && words.number(Number(of(name)));
  const parts = [entry.reason && words.reason(entry.reason), of('slot') && `slot ${of('slot')}`, of('index') && `index ${rounded('index')}`,
    of('expected') && `expected ${rounded('expected')}`, of('ratio') && `ratio ${of('ratio')}`, of('share') && `share ${of('share')}`];
  return parts.filter(Boolean).join(', ') || '–';
}
