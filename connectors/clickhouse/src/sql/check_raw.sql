-- 5-minute windows that stand, beside the raw readings in them.
SELECT countIf(counted > 0) AS windows, sum(there) AS readings, countIf(counted > there) AS short
FROM
(
    SELECT sum(counted) AS counted, sum(there) AS there
    FROM
    (
        SELECT
            patient_id,
            metric,
            device_id,
            intDiv(toUnixTimestamp64Milli(window_start), 300000) AS slot,
            toUInt64(readings) AS counted,
            toUInt64(0) AS there
        FROM windows_current
        WHERE length_s = 300
        UNION ALL
        SELECT patient_id, metric, device_id, intDiv(toUnixTimestamp64Milli(measured_at), 300000), toUInt64(0), toUInt64(1)
        FROM readings FINAL
    )
    GROUP BY patient_id, metric, device_id, slot
)
