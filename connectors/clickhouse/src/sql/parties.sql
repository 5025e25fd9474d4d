-- Per payer, twice: the sum of the lines booked in the month, and what stood at its end less what stood at its begin. The
-- second looks at no reversal's amount: a line counts from the month in which it is booked until that in which it is reversed.
WITH
until AS
(
    SELECT assumeNotNull(reverses) AS entry_id, min(assumeNotNull(booking_period)) AS reversed_in
    FROM ledger
    WHERE contract = {contract: String} AND reverses IS NOT NULL AND booking_period <= {month: String}
    GROUP BY entry_id
)
SELECT
    toString(ifNull(l.payer, '')) AS payer,
    toString(l.currency) AS currency,
    countIf(l.booking_period = {month: String}) AS lines,
    sumIf(l.amount_minor, l.booking_period = {month: String}) AS booked_minor,
    sumIf(l.amount_minor, l.reverses IS NULL AND reversed_in = '')
        - sumIf(l.amount_minor, l.reverses IS NULL AND l.booking_period < {month: String} AND (reversed_in = '' OR reversed_in = {month: String})) AS stood_minor,
    sumIf(l.amount_minor, l.booking_period = {month: String} AND l.reverses IS NOT NULL) AS reversed_minor,
    sumIf(l.amount_minor, l.booking_period = {month: String} AND l.reverses IS NULL AND l.service_period < {month: String}) AS late_minor
FROM ledger AS l FINAL
LEFT JOIN until AS u ON u.entry_id = l.entry_id
WHERE l.contract = {contract: String} AND l.kind = 'line' AND l.booking_period <= {month: String}
GROUP BY payer, currency
HAVING lines > 0 OR stood_minor != 0
ORDER BY payer, currency
SETTINGS join_use_nulls = 0
