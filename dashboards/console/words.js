// What codes and numbers are called. Plain and calm: says what is, advises contact at most.

const RULES = {
  'below-expected': 'Below what is expected',
  'far-below-expected': 'Far below what is expected',
  'rapid-decline': 'Worse and worse over several responses',
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
  'mm[Hg]': 'mmHg', '/min': 'per minute', Cel: '°C', 'mmol/L': 'mmol/l', 'L/min': 'l a minute', 'ng/mL': 'ng/ml', 'mg/g': 'mg/g', '%/d': '% a day', '1': '', d: 'days', h: 'hours',
  min: 'minutes', s: 'seconds', '{score}': '', '{ACVPU}': '', '{dose}': '', '{steps}': '', '{mcid}': 'times the smallest change that matters', '{error}': 'standard errors of measurement',
};
const EVIDENCE = {
  slope_56d: 'Trend over 56 days', mean: 'Mean', min: 'Lowest', max: 'Highest', news2: 'Early warning score', adherence: 'Doses taken of those due',
  robust_z: 'Distance from the own median, in SDs', median_28d: 'Own median of 28 days', limit: 'Limit', sustained: 'For', from: 'From', to: 'To',
  within: 'Within', lowest: 'Range from', highest: 'Range to', sections_read: 'Sections read', duration: 'Length of the session', of_expected: 'Of expected',
  forecast: 'Expected by the own earlier responses', forecast_sd: 'SD of that', level: 'Own level of the last responses', change_errors: 'Distance from the own level',
  trend_errors: 'Trend over 84 days', answer_time_used: 'Time to answer that has passed',
};
const LABORATORY = { '11253-2': 'Tacrolimus' };
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

const VERDICTS = {
  counted: 'Counted', too_late: 'Too late', too_short: 'Too short', too_shallow: 'Too shallow', burst: 'In a burst',
  by_other: 'By another', waiting: 'Waiting', not_reviewed: 'Not reviewed',
};
/** Currencies whose minor unit is no hundredth. */
const DECIMALS = { JPY: 0, KRW: 0, VND: 0, CLP: 0, KWD: 3, BHD: 3, JOD: 3, OMR: 3, TND: 3 };

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
export const verdicts = Object.keys(VERDICTS);
export const verdict = (code) => VERDICTS[code] ?? plain(code);
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

/** "1 section", "2 sections" */
export const count = (n, word) => `${number(n)} ${word}${n === 1 ? '' : 's'}`;

const withUnit = (value, code) => [number(value), unit(code)].filter(Boolean).join(' ');

/** Money, exact: minor units never become a floating point number. */
export function money(minor, currency) {
  const decimals = DECIMALS[currency] ?? 2;
  const digits = String(Math.abs(minor)).padStart(decimals + 1, '0');
  const at = digits.length - decimals;
  const whole = digits.slice(0, at).replace(/\B(?=(\d{3})+$)/g, ',');
  return `${minor < 0 ? '−' : ''}${whole}${decimals ? `.${digits.slice(at)}` : ''} ${currency}`;
}

const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const TIME = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const MONTH = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' });
const MOMENT = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
export const moment = (ms) => MOMENT.format(ms);
export const date = (ms) => DATE.format(ms);
export const time = (ms) => TIME.format(ms);
/** "January 2026" of "2026-01". */
export const month = (code) => MONTH.format(Date.parse(`${code}-01T00:00:00Z`));

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

/** What the patient's own earlier answers let expect: "97 (SD 6)"; null where they say nothing. */
export const forecast = (point) => (point.forecast === null ? null : `${number(point.forecast)} (SD ${number(point.forecast_sd)})`);

/** Evidence of an alert as sentences, the most telling first. */
export function evidence(alert) {
  const facts = new Map();
  for (const fact of alert.evidence) facts.set(fact.name, [...(facts.get(fact.name) ?? []), fact]);
  const of = (name) => facts.get(name)?.[0];
  const value = (name) => of(name)?.value ?? null;
  const text = (name) => of(name)?.text;
  const measured = (name) => withUnit(value(name), of(name)?.unit ?? '');
  const lines = [];
  const say = (line, ...names) => {
    lines.push(line);
    names.forEach((name) => facts.delete(name));
  };
  for (const [name, tell] of TOLD) if (facts.has(name)) tell({ say, has: (other) => facts.has(other), all: (other) => facts.get(other) ?? [], value, text, measured });
  return [...new Set([...lines, ...[...facts.values()].flat().map(line)])];
}

const until = (text) => (Number.isNaN(Date.parse(text)) ? text : time(Date.parse(text)));

/** What is told in a sentence of its own, by the fact that asks for it, in this order. */
const TOLD = [
  ['answer', ({ say, value, text }) => {
    const item = (text('item') ?? '').replace(/^.*_(?=\d+$)/, 'item ').replaceAll('_', ' ');
    const who = text('respondent') === 'proxy' ? ', answered by someone else' : '';
    say(`${instrument(text('instrument') ?? '')} ${item}: answer ${number(value('answer'))}${who}`, 'answer', 'item', 'instrument', 'respondent');
  }],
  ['news2', ({ say, has, value, measured }) => {
    const parts = Object.keys(METRICS).filter(has);
    const points = parts.map((part) => `${metric(part).toLowerCase()} ${number(value(part))}`).join(', ');
    say(`Early warning score ${measured('news2')}${points && `: ${points}`}`, 'news2', ...parts);
  }],
  ['adherence', ({ say, has, value, measured }) => {
    const counts = has('doses_due') ? `, ${number(value('doses_taken'))} of ${number(value('doses_due'))} due` : '';
    const over = has('days') ? ` over ${number(value('days'))} days` : '';
    const limit = has('limit') ? `, limit ${measured('limit')}` : '';
    say(`Doses taken ${measured('adherence')}${counts}${over}${limit}`, 'adherence', 'doses_taken', 'doses_due', 'days', 'limit');
  }],
  ['reason', ({ say, all, has, value, text, measured }) => {
    const session = has('duration') ? `${measured('duration')}, ${count(value('sections_read'), 'section')} read, ${count(value('interactions'), 'interaction')}: ` : '';
    const whose = has('clinician') ? `Session of ${text('clinician')}, ` : '';
    say(`${whose}${session}${all('reason').map((fact) => reason(fact.text)).join(', ')}`, 'reason', 'clinician', 'duration', 'sections_read', 'interactions');
  }],
  ['silent_for', ({ say, text, measured }) =>
    say(`Device ${text('device') ?? ''} silent for ${measured('silent_for')}, last heard ${until(text('heard_at') ?? '')}`, 'silent_for', 'device', 'heard_at')],
  ['slot', ({ say, value, text }) =>
    say(`Nothing uploaded for slot ${number(value('slot'))}, ${until(text('slot_began') ?? '')} to ${until(text('slot_ended') ?? '')}`, 'slot', 'slot_began', 'slot_ended')],
  ['change_mcid', ({ say, value }) => {
    const change = value('change_mcid');
    say(`${change < 0 ? 'Worse' : 'Better'} by ${number(Math.abs(change))} times the smallest change that matters`, 'change_mcid');
  }],
  ['expected', ({ say, has, value, text }) => {
    if (!has('index')) return;
    const basis = { index: value('index'), expected: value('expected'), n: value('expected_n'), sd: value('expected_sd'), edition: text('curve_edition') };
    say(judged(basis), 'index', 'expected', 'expected_n', 'expected_sd', 'curve_edition', 'of_expected', 'cohort');
  }],
  ['metric', ({ say, has, value, text, measured }) => {
    const name = has('mean') ? 'mean' : 'value';
    const own = has('median_28d') ? `, own median of 28 days ${measured('median_28d')}, ${number(value('robust_z'))} SDs away` : '';
    const limit = has('limit') ? `, limit ${measured('limit')}` : '';
    const lasting = has('sustained') ? `, for ${measured('sustained')}` : '';
    say(`${metric(text('metric'))} ${measured(name)}${own}${limit}${lasting}`, 'metric', name, 'median_28d', 'robust_z', 'limit', 'sustained');
  }],
  ['from', ({ say, value, measured }) =>
    say(`Systolic pressure from ${number(value('from'))} to ${measured('to')} within ${measured('within')}`, 'from', 'to', 'within')],
  ['code', ({ say, has, text, measured }) => {
    if (!has('value')) return;
    const range = has('lowest') ? `, range ${measured('lowest')} to ${measured('highest')}` : '';
    say(`${LABORATORY[text('code')] ?? `Laboratory value ${text('code')}`} ${measured('value')}${range}`, 'code', 'value', 'lowest', 'highest');
  }],
  ['score', ({ say, has, value, text }) => {
    const baseline = has('baseline') ? `, baseline ${number(value('baseline'))}` : '';
    const limit = has('limit') ? `, limit ${number(value('limit'))}` : '';
    say(`${has('instrument') ? instrument(text('instrument')) : 'Score'}: ${number(value('score'))}${baseline}${limit}`, 'score', 'instrument', 'baseline', 'limit');
  }],
  ['again', ({ say, all }) => say(`Seen again ${all('again').length} times since`, 'again')],
  ['cause', ({ say, text }) => say(`Its cause has been ${text('cause')}`, 'cause')],
];

function line(fact) {
  const name = EVIDENCE[fact.name] ?? METRICS[fact.name] ?? plain(fact.name);
  const value = fact.value === null ? '' : withUnit(fact.value, fact.unit);
  return `${name}: ${[fact.text, value].filter(Boolean).join(', ') || (fact.at ? time(fact.at) : '–')}`;
}
