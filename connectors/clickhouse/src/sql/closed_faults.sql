-- Of a closed month: entries that a task wrote after it had answered the closing. And, closed or not, what stands twice: one
-- component of one payer.
WITH
corrected AS
(
    SELECT assumeNotNull(reverses) FROM ledger WHERE contract = {contract: String} AND reverses IS NOT NULL
),
answered AS
(
    SELECT toInt32OrZero(splitByChar('/', entry_id)[-1]) AS partition, min(version) AS answered_at
    FROM ledger
    WHERE kind = 'marker'
        AND startsWith(assumeNotNull(closing_id), concat('closing/', {contract: String}, '/'))
        AND splitByChar('/', assumeNotNull(closing_id))[-1] >= {month: String}
    GROUP BY partition
),
-- The entries of one key are numbered from 0: where two stand, one of them is not the first.
standing AS
(
    SELECT l.entry_id AS entry_id, l.kind AS kind, l.component_id AS component_id, l.payer AS payer
    FROM ledger AS l FINAL
    WHERE l.contract = {contract: String} AND l.kind IN ('line', 'shown', 'posting', 'measure')
        AND l.reverses IS NULL AND l.entry_id NOT IN (corrected)
)
SELECT 'booked_after_the_closing' AS fault, count() AS entries, arraySort(groupArray(5)(entry_id)) AS examples
FROM
(
    SELECT
        l.entry_id AS entry_id,
        l.version AS version,
        toInt32(kafkaMurmurHash(ifNull(l.patient_id, concat('pool:', l.contract, '/', ifNull(l.case_id, '')))) % {partitions: UInt32}) AS partition
    FROM ledger AS l FINAL
    WHERE l.contract = {contract: String} AND l.booking_period <= {month: String}
        AND l.version > (SELECT if(count() = 0, toUInt64(-1), min(answered_at)) FROM answered)
) AS l
INNER JOIN answered AS a ON a.partition = l.partition
WHERE l.version > a.answered_at
HAVING entries > 0
UNION ALL
SELECT 'stands_twice' AS fault, sum(many) AS entries, arraySort(groupArray(5)(first)) AS examples
FROM
(
    SELECT min(entry_id) AS first, count() AS many
    FROM standing
    WHERE component_id IN (SELECT component_id FROM standing WHERE NOT endsWith(entry_id, '/0'))
    GROUP BY kind, component_id, payer
    HAVING many > 1
)
HAVING entries > 0
