// What codes and numbers are called. Plain and calm: says what is, advises contact at most.

const RULES = {
  'below-expected': 'Below what is expected',
  'far-below': 'Far below what is expected',
  'far-below-expected': 'Far below what is expected',
  'rapid-decline': 'Rapid decline since the last upload',
  'single-answer': 'An answer that cannot wait',
  'severe-score': 'Severe score',
  'sustained-vital': 'Vital sign beyond its limit for a while',
  news2: 'Early warning score raised',
  'own-baseline': 'Far from the own baseline',
  'pressure-surge': 'Blood pressure surge',
  'overdue-upload': 'Questionnaire overdue',
  'quiet-device': 'Device gone quiet',
  adherence: 'Doses missed',
  'superficial-use': 'Review too superficial',
  'drug-trough': 'Drug level out of its range',
};
const PROCEDURES = {
  'pci-des': 'Coronary stent',
  'af-ablation': 'AF ablation',
  'hip-replacement': 'Hip replacement',
  'kidney-transplant': 'Kidney transplant',
};
const OUTCOMES = {
  reminded_of_medication: 'Reminded of medication',
  refill: 'Refill',
  lifestyle_advice: 'Lifestyle advice',
  comment: 'Comment',
  appointment: 'Appointment',
  recall: 'Recall',
  no_action: 'No action',
};
const INSTRUMENTS = {
  composite: 'Composite', 'saq-7': 'SAQ-7 (angina)', 'eq-5d-5l': 'EQ-5D-5L', 'eq-5d-3l': 'EQ-5D-3L', 'eq-vas': 'EQ VAS',
  'phq-2': 'PHQ-2 (mood)', 'phq-9': 'PHQ-9 (mood)', 'gad-7': 'GAD-7 (anxiety)', 'rose-dyspnea': 'Rose (breathlessness)',
  'oxford-hip': 'Oxford Hip', afeqt: 'AFEQT (atrial fibrillation)',
};
const METRICS = {
  heart_rate: 'Heart rate', systolic: 'Systolic pressure', systolic_pressure: 'Systolic pressure',
  diastolic: 'Diastolic pressure', diastolic_pressure: 'Diastolic pressure', spo2: 'Oxygen saturation',
  respiration: 'Breathing rate', respiration_rate: 'Breathing rate', temperature: 'Temperature', body_temperature: 'Temperature',
  weight: 'Weight', body_weight: 'Weight', glucose: 'Glucose', steps: 'Steps', sleep: 'Sleep', news2: 'Early warning score (NEWS2)',
};
const UNITS = { 'mm[Hg]': 'mmHg', '/min': 'per minute', Cel: '°C', '{score}': '', '1': '', d: 'days', h: 'hours', min: 'minutes', '{steps}': 'steps', '{SD}': 'SD', 'mmol/L': 'mmol/l' };
const EVIDENCE = {
  score: 'Score', baseline: 'Baseline', index: 'Index', expected: 'Expected', slope_56d: 'Trend over 56 days', answer: 'Answer',
  mean: 'Mean', news2: 'Early warning score', adherence: 'Doses taken', change_mcid: 'Change', robust_z: 'Distance from the own median',
  median: 'Own median', risk: 'Risk', due_at: 'Was due', last_reading_at: 'Last reading', duration_ms: 'Length of the session',
};
const REASONS = {
  awaiting_review: 'waits for a review',
  review_missing: 'no review within seven days',
  not_reviewed: 'no review within seven days',
  no_baseline: 'no baseline, so no index',
  no_index: 'no index',
  cover_unknown: 'waits for device and manufacturer',
  not_covered: 'not covered by the warranty',
  review_too_late: 'reviewed later than seven days',
  review_too_short: 'the review was too short',
  too_short: 'too short',
  too_few_sections: 'too few sections read',
  too_few_interactions: 'too few interactions',
  burst: 'one of too many within five minutes',
  too_late: 'too late',
  not_first_in_slot: 'a second upload in the same two weeks',
  beyond_warranty_no_consent: 'after the warranty, without consent to pay',
  free_monitoring: 'free monitoring',
  monitoring_ended: 'monitoring has ended',
  late_fact: 'a fact that came later',
  fact_changed: 'a fact was corrected',
};

const plain = (code) => {
  const text = code.replaceAll(/[-_]+/g, ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
};

export const rule = (code) => RULES[code] ?? plain(code);
export const procedure = (code) => (code ? (PROCEDURES[code] ?? plain(code)) : 'Unknown procedure');
export const outcome = (code) => OUTCOMES[code] ?? plain(code);
export const instrument = (code) => INSTRUMENTS[code] ?? code;
export const metric = (code) => METRICS[code] ?? plain(code);
export const reason = (code) => REASONS[code] ?? plain(code).toLowerCase();
export const severity = (code) => plain(code);
export const unit = (code) => UNITS[code] ?? code.replaceAll(/[{}]/g, '');

/** Three figures at most after rounding, more only for large whole numbers. */
export function number(value) {
  if (value === null || value === undefined) return '–';
  const scale = Math.abs(value) >= 100 ? 1 : Math.abs(value) >= 10 ? 10 : 100;
  return (Math.round(value * scale) / scale).toString().replace('-', '−');
}

const withUnit = (value, code) => [number(value), unit(code)].filter(Boolean).join(' ');

/** Money, exact: minor units never become a floating point number. */
export function money(minor, currency) {
  const digits = String(Math.abs(minor)).padStart(3, '0');
  const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ',');
  return `${minor < 0 ? '−' : ''}${whole}.${digits.slice(-2)} ${currency}`;
}

const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const TIME = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
export const date = (ms) => DATE.format(ms);
export const time = (ms) => TIME.format(ms);

/** A span such as 45 s, 12 min, 3 h, 5 days. */
export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

/** A running clock: 7:05, 1:30:00, or days. */
export function clock(ms) {
  const seconds = Math.floor(Math.abs(ms) / 1000);
  const two = (n) => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** How an index stands to what is expected, in percent. */
export const ratio = (index, expected) => (index === null || !expected ? null : Math.round((100 * index) / expected));

/** "Index 84, 71 % of the expected 118 (n 212, edition ...)" */
export function judged({ index, expected, n, edition, sd }) {
  const share = ratio(index, expected);
  if (share === null) return `Index ${number(index)} % of the own baseline; no expected value yet`;
  const basis = [n && `n ${number(n)}`, sd && `SD ${number(sd)}`, edition && `edition ${edition}`].filter(Boolean).join(', ');
  return `Index ${number(index)}: ${share} % of the expected ${number(expected)}${basis ? ` (${basis})` : ''}`;
}

/** Evidence of an alert as sentences, the most telling first. */
export function evidence(alert) {
  const facts = alert.evidence;
  const find = (...names) => facts.find((fact) => names.includes(fact.name));
  const index = find('index');
  const expected = find('expected');
  const used = new Set();
  const lines = [];
  if (index && expected) {
    const [n, edition, sd] = [find('expected_n', 'n'), find('curve_edition', 'edition'), find('expected_sd', 'sd')];
    [index, expected, n, edition, sd].forEach((fact) => used.add(fact));
    lines.push(judged({ index: index.value, expected: expected.value, n: n?.value, edition: edition?.text, sd: sd?.value }));
  }
  for (const fact of facts) {
    if (!used.has(fact)) lines.push(line(fact));
  }
  return lines;
}

function line(fact) {
  const name = EVIDENCE[fact.name] ?? METRICS[fact.name] ?? plain(fact.name);
  if (fact.name === 'change_mcid') {
    return `${fact.value < 0 ? 'Worse' : 'Better'} by ${number(Math.abs(fact.value))} times the smallest change that matters`;
  }
  const value = fact.value === null ? '' : withUnit(fact.value, fact.unit);
  const text = fact.text ?? '';
  return `${name}: ${[text, value].filter(Boolean).join(', ') || (fact.at ? time(fact.at) : '–')}`;
}
