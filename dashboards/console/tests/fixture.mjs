// A small world for the tests: alerts of every kind and state, pages of a patient and a clinician. Times are relative to
// the start, amounts are those of the warranty example.

const MINUTE = 60_000;
const DAY = 86_400_000;
export const start = Date.now();

let version = 0;

/** A row of the stream `alerts`. */
export function alert(id, patient, rule, changes = {}) {
  version += 1;
  const raised = start + (changes.raised ?? -20 * MINUTE);
  const due = changes.due === null ? null : start + (changes.due ?? 4 * 60 * MINUTE);
  const { raised: _raised, due: _due, ...rest } = changes;
  return {
    version, alert_id: `${id}/${rule}/u-${id}`, revision: 1, status: 'open', rule, policy: 'stent-alerts@1',
    severity: 'warning', audience: 'patient_care', routed_to: ['care_manager', 'clinician'], patient_id: patient,
    episode_id: `e-${patient}-1`, cause_kind: 'score', cause_id: `u-${id}`, caused_at: raised - 5 * MINUTE,
    uploaded_at: raised - 1000, raised_at: raised, historic: false, vip: false, answer_due_at: due, escalations: 0,
    assignee_id: null, acknowledged_at: null, snoozed_until: null, resolved_at: null, outcome: null, evidence: [],
    stored_at: raised, organisation: 'org-east', care_team: 'team-1', clinician_id: 'c-0004', manufacturer: 'm-alpha',
    procedure: 'pci-des', source: 'live', ...rest,
  };
}

const fact = (name, value, unit = '', text = null) => ({ name, value, text, unit, record_id: null, at: null });
export const judged = (index, expected) => [
  fact('index', index, '%'), fact('expected', expected, '%'), fact('of_expected', (100 * index) / expected, '%'), fact('expected_n', 212),
  fact('curve_edition', null, '', 'pci-des@2026-01'), fact('slope_56d', -0.31, '%/d'),
];

/** In the order in which they must appear. */
export const waiting = [
  alert('a1', 'p-000031', 'self-harm-answer', { severity: 'critical', vip: true, due: 4 * MINUTE, raised: -2 * MINUTE, escalations: 0,
    routed_to: ['crisis_line', 'psychiatrist', 'social_worker', 'clinician'], cause_kind: 'answer',
    evidence: [fact('answer', 2), fact('item', null, '', 'phq9_9'), fact('instrument', null, '', 'phq-9'), fact('score', 21, '{score}')] }),
  alert('a2', 'p-000112', 'fast-pulse', { severity: 'critical', due: -3 * MINUTE, raised: -13 * MINUTE, escalations: 1, care_team: 'team-2',
    procedure: 'af-ablation', cause_kind: 'window', evidence: [fact('metric', null, '', 'heart_rate'), fact('mean', 138, '/min'), fact('max', 151, '/min'), fact('limit', 130, '/min'), fact('sustained', 25, 'min')] }),
  alert('a3', 'p-000017', 'far-below-expected', { severity: 'critical', due: 9 * MINUTE, raised: -MINUTE, cause_id: 'u-000017-20', evidence: judged(84, 118) }),
  alert('a4', 'p-000090', 'overdue-upload', { severity: 'info', vip: true, due: 26 * 60 * MINUTE, cause_kind: 'silence', procedure: 'hip-replacement',
    evidence: [fact('slot', 2), fact('slot_began', null, '', '2026-04-19T16:00:00Z'), fact('slot_ended', null, '', '2026-05-03T16:00:00Z')] }),
  alert('a5', 'p-000044', 'below-expected', { due: 35 * MINUTE, raised: -205 * MINUTE, evidence: judged(97, 112), assignee_id: 'n-0003' }),
  alert('a6', 'p-000058', 'rapid-decline', { due: 3 * 60 * MINUTE, care_team: 'team-2', evidence: [fact('change_mcid', -1.6, '{mcid}'), fact('index', 101, '%')] }),
  alert('a7', 'p-000203', 'low-adherence', { due: 5 * 60 * MINUTE, procedure: 'kidney-transplant', evidence: [fact('adherence', 71.4, '%'), fact('limit', 90, '%'), fact('doses_taken', 5, '{dose}'), fact('doses_due', 7, '{dose}'), fact('days', 7, 'd')] }),
  alert('a8', 'p-000131', 'quiet-device', { severity: 'info', due: null, cause_kind: 'silence', evidence: [fact('device', null, '', 'watch-8'), fact('heard_at', null, '', '2026-04-24T15:05:00Z'), fact('silent_for', 48, 'h')] }),
];
export const others = [
  alert('b1', 'p-000029', 'news2-emergency', { status: 'acknowledged', severity: 'critical', assignee_id: 'local', acknowledged_at: start - 5 * MINUTE,
    evidence: [fact('news2', 7, '{score}'), fact('respiration_rate', 3, '{score}'), fact('oxygen_saturation', 2, '{score}'), fact('supplemental_oxygen', 2, '{score}')] }),
  alert('b2', 'p-000071', 'overdue-upload', { status: 'snoozed', severity: 'info', snoozed_until: start + 90 * MINUTE, evidence: [] }),
  alert('b3', 'p-000017', 'rapid-decline', { status: 'resolved', raised: -9 * DAY, resolved_at: start - 8.9 * DAY, outcome: 'appointment',
    evidence: [fact('change_mcid', -1.2, '{mcid}')] }),
  alert('b5', 'p-000017', 'superficial-use', { severity: 'info', audience: 'service', cause_kind: 'session', evidence: [
    fact('reason', null, '', 'too_short'), fact('reason', null, '', 'burst'), fact('clinician', null, '', 'c-0004'), fact('duration', 12, 's'),
    fact('sections_read', 1), fact('interactions', 1)] }),
  alert('b4', 'p-000066', 'below-expected', { historic: true, raised: -3 * DAY, due: null, evidence: judged(88, 105) }),
];

function scores(patient, shape) {
  const treated = start - 284 * DAY;
  const days = [-10, ...Array.from({ length: 20 }, (_, k) => 14 * (k + 1) - 2 + ((k * 5) % 7))];
  const shares = [];
  return days.flatMap((day, k) => {
    const expected = day < 0 ? null : 100 + 20 * (1 - Math.exp(-day / 50));
    const index = day < 0 ? 100 : Math.round(10 * (expected * shape(day) + ((k * 37) % 9) - 4)) / 10;
    // from the second answer after the treatment on
    const own = shares.length === 0 ? null : expected * (0.3 + (0.7 * shares.reduce((sum, share) => sum + share, 0)) / shares.length);
    if (day >= 0) shares.splice(0, shares.length - 3, index / expected);
    const common = {
      episode_id: `e-${patient}-1`, upload_id: `u-${patient.slice(2)}-${String(k).padStart(2, '0')}`, status: 'scored', reason: null,
      answered_at: treated + day * DAY, uploaded_at: treated + day * DAY + MINUTE, days_since_treatment: day, respondent: 'patient',
      expected_sd: day < 0 ? null : 14, expected_n: day < 0 ? null : 212, curve_edition: day < 0 ? null : 'pci-des@2026-01',
      forecast: null, forecast_sd: null, uploads_done: k, uploads_due: k + 1, procedure: 'pci-des', manufacturer: 'm-alpha', care_team: 'team-1', clinician_id: 'c-0004',
    };
    const one = (instrument, score, baseline, scales, change_mcid) => ({ ...common, instrument, score, baseline, scales, change_mcid, index, expected });
    const worse = k === days.length - 1 ? -1 : 0.2;
    return [
      { ...one('composite', null, null, {}, null), forecast: own, forecast_sd: own && 7 },
      { ...one('saq-7', 41.7, 55, { angina_frequency: 40, physical_limitation: 50, quality_of_life: 35 }, 1.9 * worse), expected: null },
      { ...one('eq-5d-5l', 0.62, 0.71, {}, 1.1 * worse), expected: null },
      { ...one('phq-2', 3, 2, {}, 0.4 * worse), expected: null },
    ];
  });
}

const reviews = [
  { review_id: 's-2', patient_id: 'p-000017', upload_id: 'u-000017-20', reviewer_id: 'c-0004', ended_at: start - 3 * 60 * MINUTE, duration_ms: 12_000,
    interactions: 1, sections_read: 1, burst_patients: 7, verdict: 'superficial', reasons: ['too_short', 'too_few_sections', 'burst'] },
  { review_id: 's-1', patient_id: 'p-000017', upload_id: 'u-000017-19', reviewer_id: 'c-0004', ended_at: start - 14 * DAY, duration_ms: 94_000,
    interactions: 9, sections_read: 4, burst_patients: 1, verdict: 'service', reasons: [] },
];

function entries() {
  const line = (component, payer, amount_minor, changes = {}) => ({
    entry_id: `warranty-example/e-p-000017-1/slot-19/${component}/${payer}/1`, kind: 'line', component, component_id: `slot-19/${component}`,
    patient_id: 'p-000017', payer, payee: 'c-0004', amount_minor, currency: 'CNY', triggered_at: start - 14 * DAY,
    service_period: '2026-01', booking_period: '2026-01', reason: null, reverses: null,
    evidence: [
      { name: 'slot', value: '19', unit: '', record_id: null },
      { name: 'index', value: '129.8', unit: '%', record_id: 'u-000017-19' },
      { name: 'expected', value: '117.2', unit: '%', record_id: null },
      { name: 'ratio', value: '1.107509', unit: '1', record_id: null },
    ],
    ...changes,
  });
  // what is held is replaced, never changed
  const held = (entry_id, reason, reverses) => line('held', null, 0, { kind: 'held', payee: null, entry_id, reason, reverses, service_period: '2026-02',
    evidence: [{ name: 'slot', value: '20', unit: '', record_id: null }, { name: 'index', value: '84.24462809917353', unit: '%', record_id: 'u-000017-20' }] });
  return [
    held('slot-20/held/2', 'review_too_short', 'slot-20/held/1'), held('slot-20/held/1', 'awaiting_review', null),
    line('fee', 'm-alpha', 6400), line('fee', 'p-000017', 1600), line('adjustment', 'm-alpha', 1280), line('adjustment', 'p-000017', 320),
  ];
}

const vital = (metric, unit, level, spread) => Array.from({ length: 60 }, (_, k) => {
  const mean = level + Math.sin(k / 4) * spread + (k > 50 ? (k - 50) * spread * 0.4 : 0);
  return { metric, unit, day_start: start - (60 - k) * DAY, readings: 288, mean, min: mean - 2 * spread, max: mean + 2.4 * spread };
});

export function pages() {
  const course = (day) => (day > 230 ? 1 - (day - 230) * 0.0065 : 1.02);
  const patient = {
    patient_id: 'p-000017', owner: { care_team: 'team-1', clinician_id: 'c-0004' }, scores: scores('p-000017', course),
    vitals: [...vital('heart_rate', '/min', 68, 3), ...vital('systolic_pressure', 'mm[Hg]', 128, 5), ...vital('oxygen_saturation', '%', 95, 0.4), ...vital('body_weight', 'kg', 81, 0.4)],
    vital_scores: [
      { kind: 'news2', metric: null, measured_at: start - 2 * DAY, value: 3, unit: '{score}', band: 'low_medium', median: null, robust_z: null, parts: {} },
      ...[1, 2, 3].map((n) => ({ kind: 'adherence', metric: null, measured_at: start - n * DAY, value: 2 / 3, unit: '1', band: null, median: null, robust_z: null, parts: { taken: 2, due: 3 } })),
    ],
    alerts: [waiting[2], others[2]], reviews, entries: entries(),
  };
  const line = (patient_id, index, expected, changes = {}) => ({ patient_id, procedure: 'pci-des', answered_at: start - 2 * DAY, index, expected,
    change_mcid: 0, open_alerts: 0, critical_alerts: 0, ...changes });
  const clinician = {
    clinician_id: 'c-0004',
    patients: [line('p-000101', 121, 117), line('p-000044', 97, 112, { open_alerts: 1 }), line('p-000017', 84, 118, { open_alerts: 1, critical_alerts: 1 }), line('p-000300', 104, null)],
    uploads: [
      { patient_id: 'p-000017', upload_id: 'u-000017-20', answered_at: start - DAY, index: 84, expected: 118 },
      { patient_id: 'p-000017', upload_id: 'u-000017-19', answered_at: start - 15 * DAY, index: 129.8, expected: 117.2 },
      { patient_id: 'p-000300', upload_id: 'u-000300-01', answered_at: start - 16 * DAY, index: null, expected: null },
    ],
    reviews, entries: entries(),
  };
  const judged = (clinician_id, upload_id, verdict, changes = {}) => ({
    clinician_id, patient_id: 'p-000017', upload_id, answered_at: start - 3 * DAY, uploaded_at: start - 3 * DAY, verdict, billed: verdict === 'counted', held: null,
    reviews: 1, reviewer_id: clinician_id, ended_at: start - 2 * DAY, duration_ms: 94_000, sections_read: 4, interactions: 9, burst_patients: 1, reasons: [], ...changes });
  const none = { reviews: 0, reviewer_id: '', ended_at: null, duration_ms: 0, sections_read: 0, interactions: 0, burst_patients: 0 };
  const service = {
    month: '2026-02', months: ['2026-02', '2026-01'],
    counts: [['c-0004', 'counted', 31, 29], ['c-0004', 'too_short', 1, 0], ['c-0004', 'burst', 7, 0], ['c-0009', 'counted', 12, 12], ['c-0009', 'not_reviewed', 3, 0], ['c-0009', 'waiting', 2, 0]]
      .map(([clinician_id, verdict, uploads, billed]) => ({ clinician_id, verdict, uploads, billed })),
    bursts: [{ clinician_id: 'c-0004', sessions: 7, patients_max: 7 }],
    uploads: [
      judged('c-0004', 'u-000017-20', 'too_short', { held: 'review_too_short', duration_ms: 12_000, sections_read: 1, reasons: ['too_short', 'too_few_sections'] }),
      ...[1, 2, 3].map((n) => judged('c-0004', `u-00020${n}-11`, 'burst', { patient_id: `p-00020${n}`, held: 'review_burst', burst_patients: 7, reasons: ['burst'] })),
      judged('c-0009', 'u-000300-02', 'not_reviewed', { patient_id: 'p-000300', held: 'no_review', ...none }),
      judged('c-0009', 'u-000301-02', 'waiting', { patient_id: 'p-000301', held: 'awaiting_review', ...none }),
      judged('c-0004', 'u-000017-19', 'counted'),
      judged('c-0009', 'u-000302-05', 'counted', { patient_id: 'p-000302', billed: false, held: 'free_monitoring' }),
    ],
  };
  const services = { '2026-01': { ...service, month: '2026-01', counts: [], bursts: [], uploads: [] }, '2026-02': service };
  // patients whose course is only looked at in passing
  const copies = [...new Set([...waiting, ...others].map((one) => one.patient_id))].filter((id) => id !== 'p-000017');
  const simple = (id) => [id, { ...patient, patient_id: id, scores: scores(id, () => 0.9), vitals: [], vital_scores: [], alerts: [], reviews: [], entries: [] }];
  const alike = { ...simple('p-000112')[1] };
  alike.scores = alike.scores.map((point) => ({ ...point, forecast: null, forecast_sd: null }));
  return { patients: { 'p-000017': patient, ...Object.fromEntries(copies.map(simple)), 'p-000112': alike }, clinicians: { 'c-0004': clinician }, services };
}
