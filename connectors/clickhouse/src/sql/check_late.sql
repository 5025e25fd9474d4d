-- The windows that late readings belong to, beside those computed again and, where a window cannot change any more, the raw
-- readings in it.
SELECT
    countIf(wanted > 0) AS windows,
    countIf(wanted > computed) AS missing,
    countIf(computed > 0 AND length_s <= 3600 AND counted != there) AS wrong
FROM
(
    SELECT length_s, max(wanted) AS wanted, max(computed) AS computed, sum(counted) AS counted, sum(there) AS there
    FROM
    (
        SELECT
            patient_id,
            metric,
            device_id,
            toInt64(window.1) AS start,
            toInt64(window.2) AS length_s,
            version AS wanted,
            toUInt64(0) AS computed,
            toUInt64(0) AS counted,
            toUInt64(0) AS there
        FROM
        (
            SELECT
                patient_id,
                metric,
                device_id,
                version,
                toUnixTimestamp64Milli(measured_at) AS at,
                toUnixTimestamp64Milli(assumeNotNull(day_from)) AS day,
                toUnixTimestamp64Milli(assumeNotNull(day_until)) AS day_end,
                isNotNull(day_from) AS has_day
            FROM late_readings FINAL
        )
        ARRAY JOIN arrayFilter(
            w -> w.2 > 0,
            [
                (at - at % 300000, toInt64(300)),
                (at - at % 3600000, toInt64(3600)),
                (day, if(has_day, intDiv(day_end - day, 1000), 0))
            ]
        ) AS window
        UNION ALL
        SELECT
            patient_id,
            metric,
            device_id,
            toUnixTimestamp64Milli(window_start),
            toInt64(length_s),
            toUInt64(0),
            version,
            toUInt64(readings),
            toUInt64(0)
        FROM late_windows FINAL
        UNION ALL
        SELECT
            patient_id,
            metric,
            device_id,
            toInt64(window.1),
            toInt64(window.2),
            toUInt64(0),
            toUInt64(0),
            toUInt64(0),
            toUInt64(1)
        FROM
        (
            SELECT patient_id, metric, device_id, toUnixTimestamp64Milli(measured_at) AS at
            FROM readings FINAL
            WHERE (patient_id, metric, device_id, intDiv(toUnixTimestamp64Milli(measured_at), 3600000)) IN (
                SELECT patient_id, metric, device_id, intDiv(toUnixTimestamp64Milli(window_start), 3600000)
                FROM late_windows
            )
        )
        ARRAY JOIN [(at - at % 300000, toInt64(300)), (at - at % 3600000, toInt64(3600))] AS window
    )
    GROUP BY patient_id, metric, device_id, start, length_s
)
