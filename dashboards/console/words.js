// What codes and numbers are called. Plain and calm: says what is, advises contact at most.

const RULES = {
  'below-expected': 'Below what is expected',
  'far-below-expected': 'Far below what is expected',
  'rapid-decline': 'Rapid decline since the last upload',
  'self-harm-answer': 'An answer that cannot wait',
  'depression-screen': 'Depression screen positive',
  'severe-depression': 'Severe depression',
  'severe-anxiety': 'Severe anxiety',
  'fast-pulse': 'Pulse fast for a while',
  'slow-pulse': 'Pulse slow for a while',
  'unusual-pulse': 'Pulse far from the own baseline',
  'high-pressure': 'Blood pressure high for a while',
  'pressure-surge': 'Blood pressure surge',
  'low-oxygen': 'Oxygen saturation low for a while',
  'weight-gain': 'Weight gain',
  'news2-emergency': 'Early warning score: emergency',
  'news2-urgent': 'Early warning score: urgent',
  'overdue-upload': 'Questionnaire overdue',
  'quiet-device': 'Device gone quiet',
  'low-adherence': 'Doses missed',
  'superficial-use': 'Review too superficial',
  'drug-trough': 'Drug level out of its range',
  'molecular-relapse': 'Molecular relapse',
  'lasting-response': 'Response held, review due',
  'urine-albumin': 'Albumin in urine rising',
  'ctdna-rising': 'ctDNA rising',
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
  heart_rate: 'Heart rate', systolic_pressure: 'Systolic pressure', diastolic_pressure: 'Diastolic pressure',
  oxygen_saturation: 'Oxygen saturation', respiration_rate: 'Breathing rate', body_temperature: 'Temperature',
  body_weight: 'Weight', blood_glucose: 'Glucose', steps: 'Steps', sleep_duration: 'Sleep', supplemental_oxygen: 'Oxygen given',
  consciousness: 'Consciousness (ACVPU)', doses_taken: 'Doses taken', doses_due: 'Doses due',
};
const UNITS = {
  'mm[Hg]': 'mmHg', '/min': 'per minute', Cel: '°C', 'mmol/L': 'mmol/l', 'L/min': 'l a minute', '%/d': '% a day', '1': '', d: 'days', h: 'hours',
  min: 'minutes', s: 'seconds', '{score}': '', '{ACVPU}': '', '{dose}': '', '{steps}': '', '{mcid}': 'times the smallest change that matters',
};
const EVIDENCE = {
  slope_56d: 'Trend over 56 days', mean: 'Mean', min: 'Lowest', max: 'Highest', news2: 'Early warning score', adherence: 'Doses taken of those due',
  robust_z: 'Distance from the own median, in SDs', median_28d: 'Own median of 28 days', limit: 'Limit', sustained: 'For', from: 'From', to: 'To',
  within: 'Within', lowest: 'Range from', highest: 'Range to', sections_read: 'Sections read', duration: 'Length of the session', of_expected: 'Of expected',
  answer_time_used: 'Time to answer that has passed',
};
const REASONS = {
  imported: 'history, not billed',
  missing_answers: 'answers are missing',
  no_baseline: 'no baseline, so no index',
  missing_parts: 'a questionnaire of the composite is missing',
  withdrawn: 'the upload was withdrawn',
  before_first_slot: 'before the first two weeks that count',
  not_first_in_slot: 'a second upload in the same two weeks',
  awaiting_review: 'waits for a review',
  no_review: 'no review within seven days',
  review_too_late: 'reviewed later than seven days',
  review_by_other: 'reviewed by someone else',
  review_too_short: 'the review was too short',
  review_too_few_sections: 'too few sections were read',
  review_too_few_interactions: 'too few interactions',
  review_burst: 'one of too many reviews within five minutes',
  too_short: 'too short',
  too_few_sections: 'too few sections read',
  too_few_interactions: 'too few interactions',
  burst: 'one of too many within five minutes',
  cover_unknown: 'waits for device and manufacturer',
  not_covered_no_consent: 'not covered, and no consent to pay',
  beyond_warranty_no_consent: 'after the warranty, without consent to pay',
  free_monitoring: 'free monitoring',
  late_fact: 'a fact that came later',
  recomputed: 'a fact changed before the month was closed',
  corrected: 'a fact changed after the month was closed',
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
/** Whether a held line still waits: neither settled nor replaced by a later reason. */
export const stands = (entry, all) => entry.kind === 'held' && entry.reason !== 'settled' && entry.reason !== 'withdrawn'
  && !all.some((later) => later.kind === 'held' && later.reverses === entry.entry_id);
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
const MOMENT = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
export const moment = (ms) => MOMENT.format(ms);
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
  const facts = new Map();
  for (const fact of alert.evidence) if (!facts.has(fact.name)) facts.set(fact.name, fact);
  const value = (name) => facts.get(name)?.value ?? null;
  const text = (name) => facts.get(name)?.text;
  const lines = [];
  const say = (line, ...names) => {
    lines.push(line);
    names.forEach((name) => facts.delete(name));
  };
  if (facts.has('answer')) {
    const who = text('respondent') === 'proxy' ? ', answered by someone else' : '';
    const item = (text('item') ?? '').replace(/^.*_(?=\d+$)/, 'item ').replaceAll('_', ' ');
    say(`${instrument(text('instrument') ?? '')} ${item}: answer ${number(value('answer'))}${who}`, 'answer', 'item', 'instrument', 'respondent');
  }
  if (facts.has('change_mcid')) {
    const change = value('change_mcid');
    say(`${change < 0 ? 'Worse' : 'Better'} by ${number(Math.abs(change))} times the smallest change that matters`, 'change_mcid');
  }
  if (facts.has('index') && facts.has('expected')) {
    const basis = { index: value('index'), expected: value('expected'), n: value('expected_n'), sd: value('expected_sd'), edition: text('curve_edition') };
    say(judged(basis), 'index', 'expected', 'expected_n', 'expected_sd', 'curve_edition', 'of_expected', 'cohort');
  }
  if (facts.has('metric')) {
    const fact = facts.get('mean') ?? facts.get('value');
    const limit = facts.has('limit') ? `, limit ${withUnit(value('limit'), fact?.unit ?? '')}` : '';
    const lasting = facts.has('sustained') ? `, for ${number(value('sustained'))} minutes` : '';
    say(`${metric(text('metric'))} ${fact ? withUnit(fact.value, fact.unit) : ''}${limit}${lasting}`, 'metric', fact?.name, 'limit', 'sustained');
  }
  if (facts.has('from') && facts.has('to')) {
    say(`Systolic pressure from ${number(value('from'))} to ${number(value('to'))} mmHg within ${number(value('within'))} minutes`, 'from', 'to', 'within');
  }
  return [...lines, ...[...facts.values()].map(line)];
}

function line(fact) {
  const name = EVIDENCE[fact.name] ?? METRICS[fact.name] ?? plain(fact.name);
  const value = fact.value === null ? '' : withUnit(fact.value, fact.unit);
  return `${name}: ${[fact.text, value].filter(Boolean).join(', ') || (fact.at ? time(fact.at) : '–')}`;
}
