-- One row per output partition. What is missing: the highest sequence less the length of the union of the runs.
SELECT
    toString(topic) AS topic,
    partition,
    max(last_sequence) AS highest,
    max(bitShiftLeft(toUInt64(newest_incarnation), 48) + last_sequence) AS highest_version,
    toUInt64(highest - sum(fresh)) AS missing,
    countIf(wrong) AS contradictions,
    max(newest_written_at) AS written_at
FROM
(
    SELECT
        *,
        -- what this run adds to those that begin before it
        last_sequence - least(last_sequence, greatest(first_sequence - 1, reached)) AS fresh,
        fewest_rows != last_sequence - first_sequence + 1 OR variants > 1 AS wrong
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
                max(incarnation) AS newest_incarnation,
                min(rows) AS fewest_rows,
                uniqExact(incarnation, rows, checksum) AS variants,
                max(written_at) AS newest_written_at
            FROM coverage
            GROUP BY topic, partition, first_sequence, last_sequence
        )
    )
)
GROUP BY topic, partition
ORDER BY topic, partition
