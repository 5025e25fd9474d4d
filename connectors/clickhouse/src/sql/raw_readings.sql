SELECT toUnixTimestamp64Milli(measured_at) AS measured_at, value
FROM readings FINAL
WHERE patient_id = {patient_id: String} AND metric = {metric: String} AND device_id = {device_id: String}
    AND readings.measured_at >= fromUnixTimestamp64Milli({first: Int64}, 'UTC')
    AND readings.measured_at < fromUnixTimestamp64Milli({end: Int64}, 'UTC')
    AND toUnixTimestamp64Milli(readings.measured_at)
        - positiveModulo(toUnixTimestamp64Milli(readings.measured_at), {length_ms: Int64}) IN ({starts: Array(Int64)})
ORDER BY readings.measured_at
