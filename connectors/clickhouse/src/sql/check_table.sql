-- Versions order like (incarnation, sequence), and a run belongs to one incarnation: a version is covered when the runs
-- that begin at or before it reach it.
WITH
runs AS
(
    SELECT
        partition,
        first_version,
        max(last_version) OVER (PARTITION BY partition ORDER BY first_version, last_version) AS reached
    FROM
    (
        SELECT DISTINCT
            partition,
            bitShiftLeft(toUInt64(incarnation), 48) + first_sequence AS first_version,
            bitShiftLeft(toUInt64(incarnation), 48) + last_sequence AS last_version
        FROM coverage
        WHERE topic = {topic: String}
    )
),
stored AS
(
    SELECT r.partition AS partition, countIf(r.version > c.reached) AS uncovered
    FROM (SELECT {partition_of_row} AS partition, version FROM {table} WHERE {belongs}) AS r
    ASOF LEFT JOIN runs AS c ON r.partition = c.partition AND r.version >= c.first_version
    GROUP BY partition
),
latest AS
(
    SELECT
        {partition_of_row} AS partition,
        count() AS rows,
        uniqExact(version) AS versions,
        max(version) AS max_version,
        sumWithOverflow(version) AS version_sum
    FROM {table} FINAL
    WHERE {belongs}
    GROUP BY partition
)
SELECT partition, rows, versions, max_version, version_sum, uncovered
FROM latest
INNER JOIN stored USING (partition)
ORDER BY partition
