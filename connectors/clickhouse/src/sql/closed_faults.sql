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
) AS l
INNER JOIN answered AS a ON a.partition = l.partition
WHERE l.version > a.answered_at
HAVING entries > 0
UNION ALL
SELECT 'stands_twice' AS fault, sum(many) AS entries, arraySort(groupArray(5)(first)) AS examples
FROM
(
    SELECT min(l.entry_id) AS first, count() AS many
    FROM ledger AS l FINAL
    WHERE l.contract = {contract: String} AND l.kind IN ('line', 'shown', 'posting', 'measure')
        AND l.reverses IS NULL AND l.entry_id NOT IN (corrected)
    GROUP BY sipHash128(l.kind, l.component_id, l.payer)
    HAVING many > 1
)
HAVING entries > 0
