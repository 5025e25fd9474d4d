-- One row per output partition. A hole lies between a run and the furthest that the runs before it reach; sequence 0 does
-- not exist, so what precedes the first run is a hole from 1. The table is sorted as this needs it.
SELECT
    toString(topic) AS topic,
    partition,
    max(last_sequence) AS highest,
    max(bitShiftLeft(toUInt64(newest_incarnation), 48) + last_sequence) AS highest_version,
    sum(hole) AS missing,
    arraySort(groupArrayIf({gaps_max: UInt64})((reached + 1, reached + hole), hole > 0)) AS gaps,
    countIf(wrong) AS contradictions,
    max(newest_written_at) AS written_at
FROM
(
    SELECT
        topic,
        partition,
        last_sequence,
        newest_incarnation,
        wrong,
        newest_written_at,
        max(last_sequence) OVER (
            PARTITION BY topic, partition ORDER BY first_sequence, last_sequence
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached,
        if(first_sequence > reached + 1, toUInt64(first_sequence - 1 - reached), 0) AS hole
    FROM
    (
        SELECT
            topic,
            partition,
            first_sequence,
            last_sequence,
            max(incarnation) AS newest_incarnation,
            max(written_at) AS newest_written_at,
            min(incarnation) != max(incarnation)
                OR min(checksum) != max(checksum)
                OR min(rows) != last_sequence - first_sequence + 1
                OR max(rows) != last_sequence - first_sequence + 1 AS wrong
        FROM coverage
        GROUP BY topic, partition, first_sequence, last_sequence
    )
)
GROUP BY topic, partition
ORDER BY topic, partition
SETTINGS optimize_aggregation_in_order = 1
