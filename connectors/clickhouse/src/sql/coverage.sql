-- One row per output partition. What is missing: the highest sequence less the length of the union of the runs.
SELECT
    topic,
    partition,
    max(last_sequence) AS last_sequence,
    max(bitShiftLeft(toUInt64(incarnation), 48) + c.last_sequence) AS last_version,
    last_sequence - sum(fresh) AS missing,
    countIf(wrong) AS contradictions,
    max(written_at) AS written_at
FROM
(
    SELECT
        topic,
        partition,
        incarnation,
        last_sequence,
        written_at,
        -- what this run adds to those that begin before it
        last_sequence - least(last_sequence, greatest(first_sequence - 1, reached)) AS fresh,
        rows != last_sequence - first_sequence + 1 OR variants > 1 AS wrong
    FROM
    (
        SELECT
            *,
            max(last_sequence) OVER (
                PARTITION BY topic, partition ORDER BY first_sequence, last_sequence
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS reached
        FROM
        (
            SELECT
                topic,
                partition,
                first_sequence,
                last_sequence,
                max(incarnation) AS incarnation,
                max(rows) AS rows,
                uniqExact(incarnation, rows, checksum) AS variants,
                max(written_at) AS written_at
            FROM coverage
            GROUP BY topic, partition, first_sequence, last_sequence
        )
    )
) AS c
GROUP BY topic, partition
ORDER BY topic, partition
