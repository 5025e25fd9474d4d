// A clinician's page: own patients worst first, what counted as service, why each upload was or wasn't paid.
import { h, table } from './dom.js';
import { session, verdict } from './patient.js';
import * as words from './words.js';

const link = (patient) => h('a', { href: `#/patient/${encodeURIComponent(patient)}` }, patient);
const percent = (share) => (share === null ? '–' : `${share} %`);

/** Who has critical alerts, then who is furthest below what is expected; without an expected value last. */
export function byNeed(a, b) {
  const share = (line) => words.ratio(line.index, line.expected) ?? 1000;
  return b.critical_alerts - a.critical_alerts || share(a) - share(b) || b.open_alerts - a.open_alerts || (a.patient_id < b.patient_id ? -1 : 1);
}

export function show(main, page) {
  const services = page.reviews.filter((review) => review.verdict === 'service').length;
  main.replaceChildren(h('div', { class: 'page' },
    h('p', { class: 'crumb' }, h('a', { href: '#/' }, 'Alerts')),
    h('h1', {}, `Clinician ${page.clinician_id}`),
    h('p', { class: 'about' }, `${page.patients.length} patients · ${services} of ${page.reviews.length} reviews counted as service`),
    h('section', {}, h('h2', {}, 'Patients, worst first'), patients(page.patients)),
    h('section', {}, h('h2', {}, 'By month'), months(page)),
    h('section', {}, h('h2', {}, 'Uploads: reviewed, paid, or why not'), uploads(page))));
}

function patients(all) {
  if (!all.length) return h('p', { class: 'muted' }, 'No patients with an index yet.');
  const row = (line) => {
    const share = words.ratio(line.index, line.expected);
    const bad = share !== null && share < 90;
    return [link(line.patient_id), words.procedure(line.procedure),
      h('span', { class: bad ? 'worse' : null }, bad ? `▼ ${percent(share)}` : percent(share)),
      words.number(line.index), words.number(line.expected), words.date(line.answered_at),
      line.open_alerts ? `${line.open_alerts} open${line.critical_alerts ? `, ${line.critical_alerts} critical` : ''}` : '–'];
  };
  return table('Patients, worst first', ['Patient', 'Procedure', 'Of expected#', 'Index#', 'Expected#', 'Answered', 'Alerts'], [...all].sort(byNeed).map(row));
}

/** What the clinician is owed, by month of service and currency. */
function months({ entries, clinician_id }) {
  const lines = entries.filter((entry) => entry.kind === 'line' && entry.payee === clinician_id);
  if (!lines.length) return h('p', { class: 'muted' }, 'No paid lines yet.');
  const by = Map.groupBy(lines, (entry) => `${entry.service_period} ${entry.currency}`);
  const sum = (own, such) => own.filter(such).reduce((total, entry) => total + entry.amount_minor, 0);
  const row = ([key, own]) => {
    const [month, currency] = key.split(' ');
    const cell = (such) => words.money(sum(own, such), currency);
    return [month, cell((e) => e.component === 'fee'), cell((e) => e.component !== 'fee'), cell(() => true)];
  };
  return table('Amounts by month of service', ['Month', 'Fees#', 'Adjustments#', 'Total#'], [...by].sort().reverse().map(row));
}

function uploads({ uploads: all, reviews, entries, clinician_id }) {
  if (!all.length) return h('p', { class: 'muted' }, 'No uploads yet.');
  const reviewsOf = Map.groupBy(reviews, (review) => review.upload_id);
  const entriesOf = new Map();
  for (const entry of entries) {
    for (const id of new Set(entry.evidence.map((fact) => fact.record_id).filter(Boolean))) {
      entriesOf.set(id, [...(entriesOf.get(id) ?? []), entry]);
    }
  }
  const row = (upload) => {
    const own = (entriesOf.get(upload.upload_id) ?? []).filter((entry) => entry.patient_id === upload.patient_id);
    return [words.date(upload.answered_at), link(upload.patient_id), percent(words.ratio(upload.index, upload.expected)),
      review(reviewsOf.get(upload.upload_id) ?? []), payment(own, clinician_id, upload)];
  };
  return table('Uploads, newest first', ['Answered', 'Patient', 'Of expected#', 'Review', 'Payment'], all.map(row));
}

function review(all) {
  if (!all.length) return 'not reviewed';
  const best = all.find((one) => one.verdict === 'service') ?? all[0];
  return `${words.date(best.ended_at)}: ${session(best)}; ${verdict(best)}`;
}

/** Paid, held or not, with the reason. */
export function payment(entries, clinician, upload) {
  const lines = entries.filter((entry) => entry.kind === 'line' && entry.payee === clinician);
  const total = lines.reduce((sum, entry) => sum + entry.amount_minor, 0);
  if (total !== 0) {
    const by = Map.groupBy(lines, (entry) => entry.component);
    const parts = [...by].map(([component, own]) => `${component} ${words.money(own.reduce((sum, e) => sum + e.amount_minor, 0), '').trim()}`);
    return h('span', { class: 'better' }, `✓ ${words.money(total, lines[0].currency)}`, parts.length > 1 ? ` (${parts.join(', ')})` : '');
  }
  const held = entries.find((entry) => words.stands(entry, entries));
  if (held) return `not paid: ${words.reason(held.reason ?? 'held')}`;
  return upload.index === null ? 'not paid: no index' : 'not paid: outside the contract';
}
