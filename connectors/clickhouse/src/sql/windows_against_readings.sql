-- Windows of wearers who live in UTC, each computed again from the raw readings.
WITH
    raw AS (
        SELECT patient_id, metric, device_id, measured_at, value
        FROM readings FINAL
        WHERE startsWith(patient_id, {patients: String})
    ),
    again AS (
        SELECT
            patient_id, metric, device_id, length_s,
            fromUnixTimestamp64Milli(intDiv(toUnixTimestamp64Milli(measured_at), length_s * 1000) * length_s * 1000, 'UTC')
                AS window_start,
            count() AS readings, avg(value) AS mean, stddevSampStable(value) AS sd, min(value) AS min, max(value) AS max,
            arraySort(groupArray(value)) AS sorted,
            arrayMap(tenths -> sorted[intDiv(readings * tenths + 9, 10)], [1, 5, 9]) AS percentiles
        FROM raw ARRAY JOIN [toInt64(300), 3600, 86400] AS length_s
        GROUP BY patient_id, metric, device_id, length_s, window_start
    ),
    issued AS (
        SELECT patient_id, metric, device_id, toInt64(length_s) AS length_s, window_start, readings, mean, sd, min, max,
            [p10, p50, p90] AS percentiles
        FROM windows_current
        WHERE startsWith(patient_id, {patients: String})
    )
SELECT
    toUInt32(length_s) AS length_s,
    count() AS windows,
    countIf(
        issued.readings = again.readings AND issued.min = again.min AND issued.max = again.max
        AND abs(issued.mean - again.mean) < 1e-9
        AND (again.readings = 1 ? issued.sd IS NULL : abs(assumeNotNull(issued.sd) - again.sd) < 1e-6)
        AND arrayAll((issued, again) -> abs(assumeNotNull(issued) - again) <= 0.01 * again, issued.percentiles, again.percentiles)
    ) AS equal
FROM issued FULL OUTER JOIN again USING (patient_id, metric, device_id, length_s, window_start)
GROUP BY length_s
ORDER BY length_s
