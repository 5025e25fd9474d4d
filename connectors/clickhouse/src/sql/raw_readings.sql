SELECT toUnixTimestamp64Milli(measured_at) AS measured_at, value
FROM readings FINAL
WHERE patient_id = {patient_id: String} AND metric = {metric: String} AND device_id = {device_id: String}
    AND readings.measured_at >= fromUnixTimestamp64Milli({first: Int64}, 'UTC')
    AND readings.measured_at < fromUnixTimestamp64Milli({end: Int64}, 'UTC')
    AND arrayExists(
        (since, until) -> toUnixTimestamp64Milli(readings.measured_at) >= since AND toUnixTimestamp64Milli(readings.measured_at) < until,
        {from: Array(Int64)},
        {until: Array(Int64)}
    )
ORDER BY readings.measured_at
