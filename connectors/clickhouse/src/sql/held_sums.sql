-- An entry that is held never changes; a later one replaces it, or says that what it waited for has come.
SELECT toString(ifNull(l.reason, '')) AS reason, count() AS entries
FROM ledger AS l FINAL
WHERE l.kind = 'held'
    AND l.booking_period <= {month: String}
    AND l.reason NOT IN ('settled', 'withdrawn')
    AND ({contract: String} = '' OR l.contract = {contract: String})
    AND ({manufacturer: String} = '' OR ifNull(l.manufacturer, {manufacturer: String}) = {manufacturer: String})
    AND l.entry_id NOT IN (SELECT assumeNotNull(reverses) FROM ledger WHERE kind = 'held' AND reverses IS NOT NULL)
GROUP BY reason
ORDER BY reason
