-- Whether what is expected still fits, and who does worse or better than it: views as those of 0005_analysts.sql, of at
-- least 10 patients and of whole months.

-- How far answers lie from what was expected of them, in standard deviations, by calendar month: a cohort that drifts away
-- from 0 is no longer what its curve says. Every cohort stands beside those above it; the first is the whole procedure.
CREATE OR REPLACE VIEW analyst_drift DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    toDateTime(toStartOfMonth(answered_at, 'UTC'), 'UTC') AS time,
    assumeNotNull(procedure) AS procedure,
    instrument,
    cohort_above AS cohort,
    uniqExact(patient_id) AS patients,
    count() AS responses,
    avg((assumeNotNull(index) - assumeNotNull(expected)) / assumeNotNull(expected_sd)) AS mean_deviation,
    stddevSamp((assumeNotNull(index) - assumeNotNull(expected)) / assumeNotNull(expected_sd)) AS sd_deviation
FROM scores_current
ARRAY JOIN
    arrayMap(
        depth -> arrayStringConcat(arrayConcat([assumeNotNull(procedure)], arraySlice(splitByChar('/', substring(assumeNotNull(cohort), length(assumeNotNull(procedure)) + 2)), 1, depth)), '/'),
        range(0, if(cohort = procedure, 1, length(splitByChar('/', substring(assumeNotNull(cohort), length(assumeNotNull(procedure)) + 2))) + 1))
    ) AS cohort_above
WHERE status = 'scored' AND index IS NOT NULL AND expected IS NOT NULL AND expected_sd > 0 AND procedure IS NOT NULL AND cohort IS NOT NULL
    AND answered_at >= toStartOfMonth({from: DateTime}, 'UTC') AND answered_at < addMonths(toStartOfMonth({to: DateTime} - 1, 'UTC'), 1)
GROUP BY time, procedure, instrument, cohort
HAVING patients >= 10;

-- The share of patients below 90 % of what was expected of them, by their last answer in the range, beside the share of all
-- patients of the procedure and the limits that chance alone passes with 2.5 % and 0.1 % on each side: exact binomial
-- limits, straight between their steps (Spiegelhalter 2005, appendix A.1.1). Each patient counts once: many answers of one
-- are not many patients. A group is above or below where so many, or so few, have at most that probability exactly.
CREATE OR REPLACE VIEW analyst_funnel DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    (n, p, masses, sums) -> arrayFirstIndex(sum -> sum > p, sums) AS step,
    (n, p, masses, sums) -> if(step(n, p, masses, sums) = 0, 1., greatest(0., (step(n, p, masses, sums) - 1 - (sums[step(n, p, masses, sums)] - p) / masses[step(n, p, masses, sums)]) / n)) AS limit_at
SELECT
    procedure,
    instrument,
    by,
    `group`,
    patients,
    below_share,
    target_share,
    if(is_open, limit_at(patients, 0.001, masses, sums), NULL) AS low_998_share,
    if(is_open, limit_at(patients, 0.025, masses, sums), NULL) AS low_95_share,
    if(is_open, limit_at(patients, 0.975, masses, sums), NULL) AS high_95_share,
    if(is_open, limit_at(patients, 0.999, masses, sums), NULL) AS high_998_share,
    multiIf(NOT is_open, 'within', as_many <= 0.001, 'far above', as_many <= 0.025, 'above', as_few <= 0.001, 'far below', as_few <= 0.025, 'below', 'within') AS place
FROM
(
    SELECT
        *,
        target_share > 0 AND target_share < 1 AS is_open,
        arrayMap(k -> exp(lgamma(patients + 1) - lgamma(k + 1) - lgamma(patients - k + 1) + k * log(target_share) + (patients - k) * log(1 - target_share)), range(patients + 1)) AS masses,
        arrayCumSum(masses) AS sums,
        arraySum(arraySlice(masses, 1, toUInt64(round(below_share * patients)) + 1)) AS as_few,
        arraySum(arraySlice(masses, toUInt64(round(below_share * patients)) + 1)) AS as_many
    FROM
    (
        SELECT
            procedure,
            instrument,
            dimension.1 AS by,
            assumeNotNull(dimension.2) AS `group`,
            count() AS patients,
            countIf(is_below) / patients AS below_share,
            max(if(by = 'all', below_share, 0)) OVER (PARTITION BY procedure, instrument) AS target_share
        FROM
        (
            SELECT
                patient_id,
                assumeNotNull(scores_current.procedure) AS procedure,
                instrument,
                argMax((manufacturer, clinician_id, care_team, organisation), (answered_at, upload_id)) AS who,
                argMax(index < 0.9 * expected, (answered_at, upload_id)) AS is_below
            FROM scores_current
            WHERE status = 'scored' AND index IS NOT NULL AND expected IS NOT NULL AND procedure IS NOT NULL
                AND answered_at >= toStartOfMonth({from: DateTime}, 'UTC') AND answered_at < addMonths(toStartOfMonth({to: DateTime} - 1, 'UTC'), 1)
            GROUP BY patient_id, procedure, instrument
        )
        ARRAY JOIN [('all', ''), ('manufacturer', who.1), ('clinician', who.2), ('care team', who.3), ('organisation', who.4)] AS dimension
        WHERE dimension.2 IS NOT NULL
        GROUP BY procedure, instrument, by, `group`
        HAVING patients >= 10
    )
);
