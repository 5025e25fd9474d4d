-- What became of the questionnaire uploads that came in within a month, of patients under a contract, as the ledger says it
-- up to that month. An entry that stands is neither a reversal nor reversed, nor says that something held is settled. An
-- entry never changes, so that none has to be looked at in its newest row only.
WITH
reversed AS
(
    SELECT assumeNotNull(reverses) FROM ledger
    WHERE contract = {contract: String} AND reverses IS NOT NULL AND booking_period <= {month: String}
),
scored AS
(
    SELECT upload_id FROM scores
    WHERE episode_id IN (SELECT assumeNotNull(episode_id) FROM ledger WHERE contract = {contract: String} AND episode_id IS NOT NULL)
),
named AS
(
    SELECT
        key,
        true AS is_named,
        max(stands AND kind = 'held') AS is_held,
        max(stands AND kind != 'held' AND booking_period = {month: String}) AS is_billed,
        max(stands AND kind != 'held' AND booking_period < {month: String}) AS is_billed_before,
        anyIf(reason, stands AND kind = 'held') AS held_for
    FROM
    (
        SELECT
            l.kind AS kind,
            l.booking_period AS booking_period,
            l.reason AS reason,
            sipHash128(assumeNotNull(l.patient_id), assumeNotNull(record)) AS key,
            l.entry_id NOT IN (reversed)
                AND if(l.kind = 'held', l.reason NOT IN ('settled', 'withdrawn'), l.reverses IS NULL) AS stands
        FROM ledger AS l
        ARRAY JOIN arrayDistinct(arrayFilter(id -> id IS NOT NULL, l.evidence.4)) AS record
        WHERE l.contract = {contract: String}
            AND l.kind IN ('line', 'shown', 'held')
            AND l.booking_period <= {month: String}
            AND l.patient_id IS NOT NULL
    )
    GROUP BY key
),
received AS
(
    SELECT *
    FROM
    (
        SELECT
            patient_id,
            id,
            revision,
            outcome,
            reason,
            duplicates,
            conflicts,
            stored_at,
            maxIf(revision, outcome IN ('accepted', 'unscored')) OVER (PARTITION BY patient_id, id) AS in_force
        FROM receipts FINAL
        WHERE topic = 'prom-responses'
            AND stored_at < fromUnixTimestamp64Milli({to: Int64})
            AND patient_id IN (SELECT assumeNotNull(patient_id) FROM ledger WHERE contract = {contract: String} AND patient_id IS NOT NULL)
    )
    WHERE stored_at >= fromUnixTimestamp64Milli({from: Int64})
)
SELECT
    multiIf(
        outcome NOT IN ('accepted', 'unscored'), 'refused',
        revision < in_force, 'superseded',
        is_held, 'held',
        is_billed, 'billed',
        is_billed_before, 'billed_before',
        n.is_named, 'taken_back',
        r.id IN (scored), 'unnamed',
        'elsewhere') AS fate,
    toString(multiIf(
        fate = 'refused', ifNull(r.reason, toString(outcome)),
        fate = 'held', ifNull(held_for, ''),
        '')) AS why,
    count() AS records,
    sum(toUInt64(duplicates) + conflicts) AS further_copies,
    arraySort(groupArrayIf(5)(id, fate = 'unnamed')) AS examples
FROM received AS r
LEFT JOIN named AS n ON n.key = sipHash128(r.patient_id, r.id)
GROUP BY fate, why
ORDER BY fate, why
SETTINGS join_use_nulls = 0
