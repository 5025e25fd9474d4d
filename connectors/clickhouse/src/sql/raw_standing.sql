SELECT count() AS rows, sumWithOverflow(version) AS version_sum
FROM readings FINAL
WHERE partition = {partition: Int32} AND offset < {before: Int64}
