-- Sixty stent patients over a year, enough for every panel. Clinician c-few and manufacturer m-few have seven of them, a
-- group that no dashboard may show.
CREATE TEMPORARY TABLE uploads AS
SELECT
    concat('p-', toString(p)) AS patient_id,
    concat('e-', toString(p)) AS episode_id,
    concat('u-', toString(p), '-', toString(k)) AS upload_id,
    p, k, 12 * p + k + 1 AS version,
    multiIf(p < 30, 'c-1', p < 53, 'c-2', 'c-few') AS clinician_id,
    multiIf(p < 40, 'm-alpha', p < 53, NULL, 'm-few') AS manufacturer,
    30 * k + 5 AS day,
    toDateTime64(now() - INTERVAL 360 DAY, 3, 'UTC') + toIntervalDay(30 * k + 5) AS at,
    formatDateTime(at, '%Y-%m', 'Asia/Shanghai') AS month
FROM (SELECT intDiv(number, 12) AS p, number % 12 AS k FROM numbers(720));

INSERT INTO scores (version, score_id, episode_id, patient_id, upload_id, upload_revision, instrument, instrument_version, status, answered_at, uploaded_at, stored_at, days_since_treatment, respondent, score, baseline, `index`, uploads_done, uploads_due, expected, expected_sd, expected_n, cohort, curve_edition, care_team, organisation, clinician_id, manufacturer, procedure, source)
SELECT version, concat(upload_id, '/composite'), episode_id, patient_id, upload_id, 1, 'composite', 1, 'scored', at, at, at, day, 'patient', NULL, NULL, 100 + k * 3 + (p * 7 + k * 11) % 60 - 30, k + 1, k + 1 + p % 3, 100 + k * 3, 12, 200, 'pci-des', 'pci-des@2026-01', 'team-1', 'org-1', clinician_id, manufacturer, 'pci-des', 'live'
FROM uploads;

INSERT INTO reviews (version, review_id, revision, status, patient_id, episode_id, upload_id, reviewer_id, began_at, ended_at, duration_ms, interactions, sections_read, burst_patients, verdict, reasons, rule, stored_at, care_team, organisation, clinician_id, manufacturer, procedure, source)
SELECT version, concat('s-', upload_id), 1, 'final', patient_id, episode_id, upload_id, clinician_id, at, at + INTERVAL 1 MINUTE, 60000, 5, 3, 1, if((p + k) % 5 = 0, 'superficial', 'service'), if((p + k) % 5 = 0, ['too_short', 'burst'], []), 'real-service@1', at, 'team-1', 'org-1', clinician_id, manufacturer, 'pci-des', 'live'
FROM uploads WHERE (p + k) % 4 != 0;

INSERT INTO alerts (version, alert_id, revision, status, rule, policy, severity, audience, routed_to, patient_id, episode_id, cause_kind, cause_id, caused_at, uploaded_at, raised_at, historic, vip, escalations, acknowledged_at, stored_at, care_team, organisation, clinician_id, manufacturer, procedure, source)
SELECT version, concat(episode_id, '/below-expected/', upload_id), 2, 'acknowledged', 'below-expected', 'stent-alerts@1', if(k = 4, 'critical', 'warning'), 'patient_care', ['clinician'], patient_id, episode_id, 'score', upload_id, at, at, at, false, false, p % 2, at + INTERVAL 5 MINUTE, at, 'team-1', 'org-1', clinician_id, manufacturer, 'pci-des', 'live'
FROM uploads WHERE k IN (3, 4);

INSERT INTO curve_editions (version, edition, cohort, parent, procedure, instrument, plan, effective_from, period_end, published_at, prior_n, bins, sources)
SELECT 1, 'pci-des@2026-01', 'pci-des', NULL, 'pci-des', 'composite', 'coronary-stent', at, at, at, 0, groupArray((toInt32(k), toInt32(30 * k), toInt32(30 * k + 30), toInt64(200), toInt64(200 * (10000 + 300 * k)), toInt64(200 * ((10000 + 300 * k) * (10000 + 300 * k) + 1440000)), [toInt64(8000 + 300 * k), 9200 + 300 * k, 10000 + 300 * k, 10800 + 300 * k, 12000 + 300 * k])), []
FROM (SELECT toDateTime64(now() - INTERVAL 30 DAY, 3, 'UTC') AS at, number AS k FROM numbers(12)) GROUP BY at;

INSERT INTO ledger (version, entry_id, kind, contract, contract_version, clause, component, patient_id, episode_id, payer, payee, amount_minor, currency, triggered_at, service_period, booking_period, reason, reverses, stored_at, clinician_id, manufacturer, procedure, source)
SELECT version, concat('warranty-example/', upload_id, '/', part.1, '/', part.2, '/', part.4), part.3, 'warranty-example', 1, part.1, part.1, patient_id, episode_id, part.2, clinician_id, part.5, 'CNY', at, month, month, if(part.3 = 'held', 'no_device', NULL), if(part.4 = 'back', 'x', NULL), at, clinician_id, manufacturer, 'pci-des', 'live'
FROM uploads
ARRAY JOIN [('fee', 'patient', 'line', '1', 1600), ('fee', if(p < 53, 'm-alpha', 'm-few'), 'line', '1', 6400), ('adjustment', 'patient', 'line', '1', 320), ('fee', 'patient', 'line', 'back', -1600), ('fee', 'patient', 'held', '1', 0)] AS part;

INSERT INTO ledger (version, entry_id, kind, contract, contract_version, clause, component, patient_id, episode_id, debit_account, credit_account, amount_minor, currency, triggered_at, service_period, booking_period, stored_at, manufacturer, procedure, source)
SELECT version, concat('warranty-example/', upload_id, '/', part.1), 'posting', 'warranty-example', 1, 'accrual', part.1, patient_id, episode_id, part.2, part.3, part.4, 'CNY', at, month, month, at, manufacturer, 'pci-des', 'live'
FROM uploads
ARRAY JOIN [('accrual', 'warranty-expense', 'warranty-provision', 9700), ('claim', 'warranty-provision', 'warranty-payable', 6400)] AS part;

INSERT INTO ledger (version, entry_id, kind, contract, contract_version, clause, component, patient_id, episode_id, case_id, payer, payee, amount_minor, currency, triggered_at, service_period, booking_period, stored_at, clinician_id, manufacturer, procedure, source)
SELECT version, concat('warranty-example/', upload_id, '/no-money/', kind), kind, 'warranty-example', 1, 'fee', 'fee', patient_id, episode_id, episode_id, 'patient', clinician_id, 1000000, 'CNY', at, month, month, at, clinician_id, manufacturer, 'pci-des', 'live'
FROM uploads
ARRAY JOIN ['shown', 'measure', 'notice'] AS kind;

INSERT INTO receipts (version, topic, id, revision, patient_id, outcome, copies, duplicates, conflicts, stored_at, source)
SELECT version, 'prom-responses', upload_id, 1, patient_id, 'accepted', 1, 0, 0, if(k = 11, toDateTime64(now() - INTERVAL 1 HOUR, 3, 'UTC'), at), 'live' FROM uploads;

INSERT INTO reading_receipts (version, patient_id, device_id, day, outcome, reason, records, readings, stored_at, source)
SELECT version, patient_id, 'd-1', toDate32(now()), 'accepted', '', 5, 300, toDateTime64(now() - INTERVAL 2 HOUR, 3, 'UTC'), 'live' FROM uploads WHERE k = 11;

INSERT INTO dead_letters (version, topic, partition, offset, record_at, stage, reason, message, receipt, key_bytes, value_bytes, stored_at)
SELECT 1 + number, 'prom-responses', 0, number, now64(3, 'UTC'), 'DESERIALIZE', 'truncated_avro', '', false, 5, 100, toDateTime64(now() - INTERVAL 1 HOUR, 3, 'UTC') FROM numbers(7);

INSERT INTO coverage (topic, partition, incarnation, first_sequence, last_sequence, rows, checksum, written_at)
VALUES ('scores', 0, 1, 1, 500, 500, 1, now64(3)), ('scores', 0, 1, 400, 600, 201, 1, now64(3)), ('scores', 0, 1, 604, 720, 117, 1, now64(3)), ('receipts', 1, 1, 1, 720, 720, 1, now64(3));
