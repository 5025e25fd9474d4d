-- The trial balance of each party's books.
SELECT
    toString(ifNull(l.payer, '')) AS party,
    toString(l.currency) AS currency,
    toString(ifNull(leg.1, '')) AS account,
    sumIf(leg.2 - leg.3, l.booking_period < {month: String}) AS opening_minor,
    sumIf(leg.2, l.booking_period = {month: String}) AS debit_minor,
    sumIf(leg.3, l.booking_period = {month: String}) AS credit_minor
FROM ledger AS l FINAL
ARRAY JOIN [(l.debit_account, l.amount_minor, toInt64(0)), (l.credit_account, toInt64(0), l.amount_minor)] AS leg
WHERE l.contract = {contract: String} AND l.kind = 'posting' AND l.booking_period <= {month: String}
GROUP BY party, currency, account
ORDER BY party, currency, account
