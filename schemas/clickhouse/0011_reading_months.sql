-- Raw readings by calendar month of a zone, from which contracts take monthly means, days with a reading, and adherence:
-- reading_months(zone = 'Asia/Shanghai', from = '2026-01-01', to = '2026-03-01') has January and February, whole months:
-- `from` and `to` are taken back to the first day of theirs, and that of `to` is excluded.
--
-- A reading is kept in whole millionths of its unit, so that sums are exact. A quotient is rounded once, to millionths, half
-- to even. A reading of two devices at one time counts twice, as it does in windows.

CREATE OR REPLACE VIEW reading_months AS
WITH (a, n) -> intDiv(a - positiveModulo(a, n), n) AS floored,
    (a, n) -> toInt64(floored(a, n) + if(2 * positiveModulo(a, n) > n OR (2 * positiveModulo(a, n) = n AND bitAnd(floored(a, n), 1) = 1), 1, 0)) AS quotient
SELECT
    patient_id,
    metric,
    any(unit) AS unit,
    formatDateTime(measured_at, '%Y-%m', {zone: String}) AS month,
    count() AS readings,
    uniqExact(toDate32(measured_at, {zone: String})) AS days,
    sum(toInt128(round(value * 1000000))) AS total_millionths,
    quotient(total_millionths, toInt128(readings)) AS mean_millionths
FROM readings FINAL
WHERE measured_at >= toDateTime64(toStartOfMonth({from: Date}), 3, {zone: String}) AND measured_at < toDateTime64(toStartOfMonth({to: Date}), 3, {zone: String})
GROUP BY patient_id, metric, month;

-- Doses taken of doses due. Without any due there is no adherence; who took more than were due took all.
CREATE OR REPLACE VIEW dose_months AS
WITH (a, n) -> intDiv(a - positiveModulo(a, n), n) AS floored,
    (a, n) -> toInt64(floored(a, n) + if(2 * positiveModulo(a, n) > n OR (2 * positiveModulo(a, n) = n AND bitAnd(floored(a, n), 1) = 1), 1, 0)) AS quotient
SELECT
    patient_id,
    month,
    sumIf(total_millionths, metric = 'doses_taken') AS taken_millionths,
    sumIf(total_millionths, metric = 'doses_due') AS due_millionths,
    if(due_millionths > 0, least(quotient(100000000 * taken_millionths, greatest(due_millionths, 1)), 100000000), NULL) AS adherence_percent_millionths
FROM reading_months(zone = {zone: String}, from = {from: Date}, to = {to: Date})
WHERE metric IN ('doses_taken', 'doses_due')
GROUP BY patient_id, month;
