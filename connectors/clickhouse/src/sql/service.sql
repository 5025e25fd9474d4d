-- {select} is what is asked of `judged`.
-- What became of every upload, but imported history, that arrived in a month (UTC): whether its review was real service, and what the ledger says.
-- A line or what is held names the upload as a record that it rests on. The review of an upload may be billed a month later.
WITH
uploads AS
(
    SELECT
        patient_id,
        upload_id,
        argMax(ifNull(toString(clinician_id), ''), version) AS clinician,
        argMax(ifNull(toString(care_team), ''), version) AS team,
        max(answered_at) AS answered,
        max(uploaded_at) AS uploaded
    FROM scores_current
    WHERE uploaded_at >= toDateTime64({from: String}, 3, 'UTC') AND uploaded_at < addMonths(toDateTime64({from: String}, 3, 'UTC'), 1)
        AND days_since_treatment >= 0 AND source != 'import' AND ({all_teams: Bool} OR has({teams: Array(String)}, ifNull(toString(care_team), '')))
    GROUP BY patient_id, upload_id
),
own AS
(
    SELECT entry_id, version, kind, payee, reason, reverses, patient_id, evidence
    FROM ledger AS l FINAL
    WHERE l.kind IN ('line', 'held') AND patient_id IN (SELECT patient_id FROM uploads)
        AND service_period BETWEEN formatDateTime(addMonths(toDate(substring({from: String}, 1, 10)), -1), '%Y-%m') AND formatDateTime(addMonths(toDate(substring({from: String}, 1, 10)), 2), '%Y-%m')
),
stands AS
(
    SELECT
        patient_id,
        fact.4 AS upload_id,
        countIf(kind = 'line') AS lines,
        argMaxIf(ifNull(toString(reason), ''), version, kind = 'held') AS held
    FROM own
    ARRAY JOIN evidence AS fact
    WHERE fact.4 IS NOT NULL AND ifNull(toString(payee), '') != 'patient'
        AND entry_id NOT IN (SELECT assumeNotNull(reverses) FROM own WHERE reverses IS NOT NULL)
        AND if(kind = 'held', reason NOT IN ('settled', 'withdrawn'), reverses IS NULL)
    GROUP BY patient_id, upload_id
),
sessions AS
(
    SELECT
        patient_id,
        upload_id,
        count() AS reviews,
        argMax((reviewer_id, toNullable(toUnixTimestamp64Milli(ended_at)), duration_ms, sections_read, interactions, burst_patients, toString(verdict), reasons), (verdict = 'service', ended_at)) AS best
    FROM reviews_current
    WHERE upload_id IS NOT NULL AND patient_id IN (SELECT patient_id FROM uploads)
    GROUP BY patient_id, upload_id
),
judged AS
(
    SELECT
        u.clinician AS clinician_id,
        u.patient_id AS patient_id,
        u.upload_id AS upload_id,
        toUnixTimestamp64Milli(u.answered) AS answered_at,
        toUnixTimestamp64Milli(u.uploaded) AS uploaded_at,
        s.reviews AS reviews,
        s.best AS best,
        toBool(l.lines > 0) AS billed,
        l.held AS held,
        multiIf(
            billed, 'counted',
            held = 'review_too_late', 'too_late',
            held = 'review_by_other', 'by_other',
            held = 'review_burst' OR (best.7 != 'service' AND has(best.8, 'burst')), 'burst',
            held = 'review_too_short' OR (best.7 != 'service' AND has(best.8, 'too_short')), 'too_short',
            startsWith(held, 'review_too_few') OR (best.7 != 'service' AND reviews > 0), 'too_shallow',
            reviews > 0, 'counted',
            held = 'awaiting_review', 'waiting',
            'not_reviewed') AS verdict
    FROM uploads AS u
    LEFT JOIN stands AS l ON l.patient_id = u.patient_id AND l.upload_id = u.upload_id
    LEFT JOIN sessions AS s ON s.patient_id = u.patient_id AND s.upload_id = u.upload_id
)
{select}
