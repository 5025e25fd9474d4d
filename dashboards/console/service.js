// The page of who leads care teams: which uploads were really reviewed, clinician by clinician, and why the others did not
// count. No amounts: those are the clinicians' own.
import { h, table } from './dom.js';
import { session } from './patient.js';
import * as words from './words.js';

/** So many uploads are drawn; the filters find the others. */
const ROWS_MAX = 200;
const link = (page, id) => h('a', { href: `#/${page}/${encodeURIComponent(id)}` }, id);
const named = (clinician) => clinician || 'unknown';

export function show(main, page, { me }) {
  const box = h('div', {});
  const chosen = { clinician_id: '', verdict: 'not' };
  const draw = () => box.replaceChildren(uploads(page, chosen));
  main.replaceChildren(h('div', { class: 'page' },
    h('p', { class: 'crumb' }, h('a', { href: '#/' }, 'Alerts')),
    h('h1', {}, page.month ? `Service, ${words.month(page.month)}` : 'Service'),
    h('p', { class: 'about' }, summary(page)),
    page.month && [
      h('section', {}, h('h2', {}, 'By clinician'), months(page), clinicians(page, me)),
      h('section', {}, h('h2', {}, 'Uploads'), filters(page, chosen, draw), box),
    ]));
  if (page.month) draw();
}

const sum = (counts, such = () => true) => counts.filter(such).reduce((total, one) => total + one.uploads, 0);

function summary({ month, counts }) {
  if (!month) return 'No upload of your teams has arrived yet.';
  const counted = sum(counts, (one) => one.verdict === 'counted');
  const all = sum(counts);
  return `${words.count(all, 'upload')} arrived · ${words.number(counted)} counted as service · ${words.number(all - counted)} did not, or not yet`;
}

function months({ month, months: all }) {
  const option = (code) => h('option', { value: code, selected: code === month }, words.month(code));
  const known = all.includes(month) ? all : [month, ...all];
  const go = (event) => (location.hash = `#/service/${event.target.value}`);
  return h('div', { class: 'filters' }, h('label', {}, 'Month', h('select', { onchange: go, id: 'month' }, known.map(option))));
}

/** One row a clinician: a number for every verdict, and the bursts. */
function clinicians({ counts, bursts }, me) {
  const shown = words.verdicts.filter((verdict) => counts.some((one) => one.verdict === verdict));
  const ids = [...new Set([...counts, ...bursts].map((one) => one.clinician_id))].sort();
  const row = (id) => {
    const own = counts.filter((one) => one.clinician_id === id);
    const burst = bursts.find((one) => one.clinician_id === id);
    const cell = (verdict) => sum(own, (one) => one.verdict === verdict) || '–';
    const billed = own.reduce((total, one) => total + one.billed, 0);
    return [id && me.role === 'admin' ? link('clinician', id) : named(id), sum(own), ...shown.map(cell), billed || '–',
      burst ? `${words.count(burst.sessions, 'session')}, up to ${words.number(burst.patients_max)} patients in five minutes` : '–'];
  };
  return table('Verdicts by clinician', ['Clinician', 'Uploads#', ...shown.map((verdict) => `${words.verdict(verdict)}#`), 'Billed#', 'Bursts'], ids.map(row));
}

function filters({ counts }, chosen, draw) {
  const select = (key, label, options) => {
    const choose = (event) => {
      chosen[key] = event.target.value;
      draw();
    };
    return h('label', {}, label, h('select', { onchange: choose, 'data-filter': key },
      options.map(([value, text]) => h('option', { value, selected: value === chosen[key] }, text))));
  };
  const ids = [...new Set(counts.map((one) => one.clinician_id))].sort();
  const known = words.verdicts.filter((verdict) => counts.some((one) => one.verdict === verdict));
  return h('div', { class: 'filters' },
    select('clinician_id', 'Clinician', [['', 'All'], ...ids.map((id) => [id || 'unknown', named(id)])]),
    select('verdict', 'Verdict', [['not', 'Did not count'], ['', 'All'], ...known.map((verdict) => [verdict, words.verdict(verdict)])]));
}

function uploads({ uploads: all, counts }, { clinician_id, verdict }) {
  const fits = (one) => (!clinician_id || named(one.clinician_id) === clinician_id)
    && (verdict === '' || (verdict === 'not' ? one.verdict !== 'counted' : one.verdict === verdict));
  const found = all.filter(fits);
  if (!found.length) return h('p', { class: 'muted' }, 'None.');
  const row = (one) => [words.date(one.uploaded_at), named(one.clinician_id), link('patient', one.patient_id), one.upload_id,
    h('span', { class: one.verdict === 'counted' ? 'better' : null }, words.verdict(one.verdict)), reviewed(one), bill(one)];
  const total = sum(counts, fits);
  const part = total > Math.min(found.length, ROWS_MAX) && h('p', { class: 'muted' }, `${Math.min(found.length, ROWS_MAX)} of ${words.number(total)} are shown.`);
  return h('div', {}, part, table('Uploads, those that did not count first', ['Arrived', 'Clinician', 'Patient', 'Upload', 'Verdict', 'Review', 'Bill'], found.slice(0, ROWS_MAX).map(row)));
}

/** The best review in figures, and why it did not count. */
function reviewed(one) {
  if (!one.reviews) return 'none';
  const why = one.reasons.length ? `: ${one.reasons.map(words.reason).join(', ')}` : '';
  const more = one.reviews > 1 ? ` (${one.reviews} reviews)` : '';
  return `${words.date(one.ended_at)} by ${one.reviewer_id}, ${session(one)}${why}${more}`;
}

function bill(one) {
  if (one.billed) return 'billed';
  if (one.held) return `not billed: ${words.reason(one.held)}`;
  return 'nothing to bill';
}
