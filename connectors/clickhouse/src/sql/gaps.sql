-- Between a run and all runs that begin before it. Sequence 0 does not exist: what precedes the first run is a gap from 1.
SELECT toString(topic) AS topic, partition, reached + 1 AS first, toUInt64(first_sequence - 1) AS last
FROM
(
    SELECT
        topic,
        partition,
        first_sequence,
        max(last_sequence) OVER (
            PARTITION BY topic, partition ORDER BY first_sequence, last_sequence
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached
    FROM (SELECT DISTINCT topic, partition, first_sequence, last_sequence FROM coverage)
)
WHERE first_sequence > reached + 1
ORDER BY topic, partition, first
LIMIT {gaps_max: UInt64} BY topic, partition
