-- What analysts and dashboards may read: counts and means over groups, never a patient. A group of fewer than 10 patients
-- is left out, whatever is asked. The views run with the rights of who made them, so that an analyst needs none on the
-- tables: GRANT SELECT ON aftercare.analyst_* TO ...
--
-- `from` and `to` choose whole months (UTC, from inclusive, the month before `to` the last): if ranges could begin on any
-- day, one patient would be the difference of two of them. `by` says what `group` names: all patients together, or those
-- of one manufacturer, clinician, care team or organisation.

CREATE OR REPLACE VIEW analyst_outcomes DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    assumeNotNull(procedure) AS procedure,
    instrument,
    dimension.1 AS by,
    assumeNotNull(dimension.2) AS `group`,
    toInt32(floor(assumeNotNull(days_since_treatment) / 30)) AS month,
    uniqExact(patient_id) AS patients,
    count() AS responses,
    avg(assumeNotNull(index)) AS mean_index,
    stddevSamp(assumeNotNull(index)) AS sd_index,
    uniqExactIf(patient_id, expected IS NOT NULL) AS judged_patients,
    if(judged_patients >= 10, avg(expected), NULL) AS mean_expected,
    if(judged_patients >= 10, avg(expected_sd), NULL) AS mean_expected_sd,
    if(judged_patients >= 10, countIf(index < 0.9 * expected) / countIf(expected IS NOT NULL), NULL) AS below_share,
    if(judged_patients >= 10, countIf(index < 0.7 * expected) / countIf(expected IS NOT NULL), NULL) AS far_below_share
FROM scores_current
ARRAY JOIN [('all', ''), ('manufacturer', manufacturer), ('clinician', clinician_id), ('care team', care_team), ('organisation', organisation)] AS dimension
WHERE status = 'scored' AND index IS NOT NULL AND days_since_treatment >= 0 AND procedure IS NOT NULL AND dimension.2 IS NOT NULL
    AND answered_at >= toStartOfMonth({from: DateTime}, 'UTC') AND answered_at < addMonths(toStartOfMonth({to: DateTime} - 1, 'UTC'), 1)
GROUP BY procedure, instrument, by, `group`, month
HAVING patients >= 10;

CREATE OR REPLACE VIEW analyst_below_expected DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    toDateTime(toStartOfMonth(answered_at, 'UTC'), 'UTC') AS time,
    assumeNotNull(procedure) AS procedure,
    instrument,
    dimension.1 AS by,
    assumeNotNull(dimension.2) AS `group`,
    uniqExact(patient_id) AS patients,
    count() AS responses,
    countIf(index < 0.9 * expected) / count() AS below_share,
    countIf(index < 0.7 * expected) / count() AS far_below_share
FROM scores_current
ARRAY JOIN [('all', ''), ('manufacturer', manufacturer), ('clinician', clinician_id), ('care team', care_team), ('organisation', organisation)] AS dimension
WHERE status = 'scored' AND index IS NOT NULL AND expected IS NOT NULL AND procedure IS NOT NULL AND dimension.2 IS NOT NULL
    AND answered_at >= toStartOfMonth({from: DateTime}, 'UTC') AND answered_at < addMonths(toStartOfMonth({to: DateTime} - 1, 'UTC'), 1)
GROUP BY time, procedure, instrument, by, `group`
HAVING patients >= 10;

-- Of each episode that answered within the range: what was due by its last answer there, what came, and what became of
-- it. An episode that never answered is in none of these counts.
CREATE OR REPLACE VIEW analyst_responses DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    assumeNotNull(procedure) AS procedure,
    dimension.1 AS by,
    assumeNotNull(dimension.2) AS `group`,
    uniqExact(patient_id) AS patients,
    sum(due) AS uploads_due,
    sum(done) AS uploads_done,
    sum(scored) AS uploads_scored,
    sum(seen) AS uploads_reviewed,
    sum(served) AS uploads_with_service,
    if(uploads_due = 0, NULL, uploads_done / uploads_due) AS response_rate
FROM
(
    SELECT
        patient_id,
        episode_id,
        argMax(procedure, version) AS procedure,
        argMax(manufacturer, version) AS manufacturer,
        argMax(clinician_id, version) AS clinician_id,
        argMax(care_team, version) AS care_team,
        argMax(organisation, version) AS organisation,
        max(uploads_due) AS due,
        max(uploads_done) AS done,
        uniqExactIf(upload_id, status = 'scored') AS scored,
        uniqExactIf(upload_id, review.service IS NOT NULL) AS seen,
        uniqExactIf(upload_id, review.service) AS served
    FROM scores_current
    LEFT JOIN
    (
        SELECT patient_id, upload_id, toNullable(max(verdict = 'service')) AS service
        FROM reviews_current
        GROUP BY patient_id, upload_id
    ) AS review ON review.patient_id = scores_current.patient_id AND review.upload_id = scores_current.upload_id
    WHERE answered_at >= toStartOfMonth({from: DateTime}, 'UTC') AND answered_at < addMonths(toStartOfMonth({to: DateTime} - 1, 'UTC'), 1)
        AND days_since_treatment >= 0
    GROUP BY patient_id, episode_id
)
ARRAY JOIN [('all', ''), ('manufacturer', manufacturer), ('clinician', clinician_id), ('care team', care_team), ('organisation', organisation)] AS dimension
WHERE procedure IS NOT NULL AND dimension.2 IS NOT NULL
GROUP BY procedure, by, `group`
HAVING patients >= 10;

-- The published curves: what index a cohort has so many days after the treatment, in percent of the baseline.
CREATE OR REPLACE VIEW analyst_curves DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    edition,
    cohort,
    procedure,
    instrument,
    ifNull(plan, '') AS plan,
    effective_from,
    period_end,
    item.from_day AS from_day,
    item.to_day AS to_day,
    item.n AS responses,
    item.sum_hundredths / item.n / 100 AS mean_index,
    sqrt(greatest(0, (item.sum_squares - toFloat64(item.sum_hundredths) * item.sum_hundredths / item.n) / (item.n - 1))) / 100 AS sd_index,
    if(length(item.quantiles_hundredths) = 5, item.quantiles_hundredths[1] / 100, NULL) AS q05,
    if(length(item.quantiles_hundredths) = 5, item.quantiles_hundredths[2] / 100, NULL) AS q25,
    if(length(item.quantiles_hundredths) = 5, item.quantiles_hundredths[3] / 100, NULL) AS q50,
    if(length(item.quantiles_hundredths) = 5, item.quantiles_hundredths[4] / 100, NULL) AS q75,
    if(length(item.quantiles_hundredths) = 5, item.quantiles_hundredths[5] / 100, NULL) AS q95
FROM curve_editions_current
ARRAY JOIN bins AS item
WHERE item.n >= 10;

CREATE OR REPLACE VIEW analyst_alerts DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    toDateTime(toStartOfMonth(raised_at, 'UTC'), 'UTC') AS time,
    assumeNotNull(procedure) AS procedure,
    severity,
    rule,
    uniqExact(patient_id) AS patients,
    count() AS alerts,
    countIf(historic) AS historic_alerts,
    countIf(escalations > 0) AS escalated_alerts,
    countIf(acknowledged_at IS NOT NULL) AS answered_alerts,
    if(answered_alerts = 0, NULL, quantileExactIf(0.5)(dateDiff('second', raised_at, assumeNotNull(acknowledged_at)), acknowledged_at IS NOT NULL)) AS median_answer_s
FROM alerts_current
WHERE procedure IS NOT NULL
    AND raised_at >= toStartOfMonth({from: DateTime}, 'UTC') AND raised_at < addMonths(toStartOfMonth({to: DateTime} - 1, 'UTC'), 1)
GROUP BY time, procedure, severity, rule
HAVING patients >= 10;

-- Sessions of clinicians. `reason` is empty for all sessions together, else why these were no service.
CREATE OR REPLACE VIEW analyst_reviews DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    toDateTime(toStartOfMonth(ended_at, 'UTC'), 'UTC') AS time,
    dimension.1 AS by,
    assumeNotNull(dimension.2) AS `group`,
    arrayJoin(arrayPushFront(reasons, '')) AS reason,
    uniqExact(patient_id) AS patients,
    count() AS sessions,
    countIf(verdict = 'service') AS service_sessions,
    countIf(verdict = 'superficial') AS superficial_sessions,
    superficial_sessions / sessions AS superficial_share,
    quantileExact(0.5)(duration_ms) / 1000 AS median_duration_s
FROM reviews_current
ARRAY JOIN [('all', ''), ('procedure', procedure), ('clinician', toNullable(reviewer_id)), ('care team', care_team), ('organisation', organisation)] AS dimension
WHERE dimension.2 IS NOT NULL
    AND ended_at >= toStartOfMonth({from: DateTime}, 'UTC') AND ended_at < addMonths(toStartOfMonth({to: DateTime} - 1, 'UTC'), 1)
GROUP BY time, by, `group`, reason
HAVING patients >= 10;

-- Money by month in the contract's zone. Both months are text, 2026-01: ask for ranges of them, half-open. A correction
-- counts in the booking period in which it was made and in the service period that it corrects. Entries over a population,
-- which name no patient, count by themselves.
CREATE OR REPLACE VIEW analyst_money DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    CAST(assumeNotNull(service_period) AS String) AS service_period,
    CAST(assumeNotNull(booking_period) AS String) AS booking_period,
    assumeNotNull(contract) AS contract,
    currency,
    kind,
    dimension.1 AS by,
    assumeNotNull(dimension.2) AS `group`,
    uniqExact(patient_id) AS patients,
    count() AS entries,
    countIf(reverses IS NOT NULL) AS reversals,
    sum(amount_minor) AS total_minor,
    toDecimal128(total_minor, 3) / multiIf(currency IN ('JPY', 'KRW', 'VND', 'CLP'), 1, currency IN ('BHD', 'JOD', 'KWD', 'OMR', 'TND'), 1000, 100) AS amount
FROM ledger_current
ARRAY JOIN [('all', ''), ('component', component), ('payer', payer), ('payee', payee), ('manufacturer', manufacturer), ('reason', reason)] AS dimension
WHERE kind IN ('line', 'held') AND service_period IS NOT NULL AND booking_period IS NOT NULL AND contract IS NOT NULL AND dimension.2 IS NOT NULL
GROUP BY service_period, booking_period, contract, currency, kind, by, `group`
HAVING patients >= 10 OR countIf(patient_id IS NOT NULL) = 0;

-- Movements of accounts by month in the contract's zone, debit positive: accruals, claims, lapses, variances.
CREATE OR REPLACE VIEW analyst_accounts DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    CAST(assumeNotNull(booking_period) AS String) AS booking_period,
    assumeNotNull(contract) AS contract,
    currency,
    assumeNotNull(component) AS component,
    assumeNotNull(movement.1) AS account,
    uniqExact(patient_id) AS patients,
    count() AS entries,
    sum(movement.2) AS total_minor,
    toDecimal128(total_minor, 3) / multiIf(currency IN ('JPY', 'KRW', 'VND', 'CLP'), 1, currency IN ('BHD', 'JOD', 'KWD', 'OMR', 'TND'), 1000, 100) AS amount
FROM ledger_current
ARRAY JOIN [(debit_account, amount_minor), (credit_account, -amount_minor)] AS movement
WHERE kind = 'posting' AND booking_period IS NOT NULL AND contract IS NOT NULL AND component IS NOT NULL AND movement.1 IS NOT NULL
GROUP BY booking_period, contract, currency, component, account
HAVING patients >= 10 OR countIf(patient_id IS NOT NULL) = 0;

-- The pipeline itself: records and what became of them. No patients are counted here.
CREATE OR REPLACE VIEW analyst_records DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT toStartOfHour(stored_at, 'UTC') AS time, topic, outcome, reason, sum(records) AS records
FROM
(
    SELECT stored_at, toString(topic) AS topic, toString(outcome) AS outcome, ifNull(toString(reason), '') AS reason, toUInt64(copies) AS records
    FROM receipts_current
    UNION ALL
    SELECT stored_at, 'wearable-readings', toString(outcome), toString(reason), readings
    FROM reading_receipts_current
)
WHERE stored_at >= {from: DateTime} AND stored_at < {to: DateTime}
GROUP BY time, topic, outcome, reason;

CREATE OR REPLACE VIEW analyst_dead_letters DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT toStartOfHour(stored_at, 'UTC') AS time, topic, stage, reason, count() AS records, sum(value_bytes) AS bytes
FROM dead_letters_current
WHERE stored_at >= {from: DateTime} AND stored_at < {to: DateTime}
GROUP BY time, topic, stage, reason;

-- What is proven to be in ClickHouse, by output partition: a sequence that is missing is a row that may be missing.
CREATE OR REPLACE VIEW analyst_coverage DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    topic,
    partition,
    max(last_sequence) AS highest_sequence,
    sum(hole) AS missing_records,
    max(written_at) AS newest_insert_at,
    dateDiff('second', newest_insert_at, now64(3)) AS since_insert_s
FROM
(
    SELECT
        topic,
        partition,
        last_sequence,
        written_at,
        max(last_sequence) OVER (PARTITION BY topic, partition ORDER BY first_sequence, last_sequence ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached,
        if(first_sequence > reached + 1, toUInt64(first_sequence - 1 - reached), 0) AS hole
    FROM coverage FINAL
)
GROUP BY topic, partition;
