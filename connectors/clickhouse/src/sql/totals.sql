SELECT
    topic,
    sum(receipts) AS receipts,
    sum(copies) AS copies,
    sum(duplicates) AS duplicates,
    sum(conflicts) AS conflicts,
    sum(dead_letters) AS dead_letters,
    sum(undecodable) AS undecodable
FROM
(
    SELECT
        toString(topic) AS topic,
        count() AS receipts,
        sum(r.copies) AS copies,
        sum(r.duplicates) AS duplicates,
        sum(r.conflicts) AS conflicts,
        toUInt64(0) AS dead_letters,
        toUInt64(0) AS undecodable
    FROM receipts AS r FINAL
    GROUP BY topic

    UNION ALL

    SELECT 'wearable-readings', count() AS n, sum(records), 0, 0, 0, 0
    FROM reading_receipts FINAL
    HAVING n > 0

    UNION ALL

    SELECT toString(topic), 0, 0, 0, 0, count(), countIf(NOT receipt)
    FROM dead_letters FINAL
    GROUP BY topic
)
GROUP BY topic
ORDER BY topic
