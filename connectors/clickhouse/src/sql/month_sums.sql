-- What is booked in a month; measures are no money and markers no entries.
SELECT
    toString(l.kind) AS kind,
    toString(ifNull(l.contract, '')) AS contract,
    toString(ifNull(l.payer, '')) AS payer,
    ifNull(l.payee, '') = 'patient' AS to_patient,
    toString(if(l.kind = 'notice', ifNull(l.reason, ''), ifNull(l.component, ''))) AS component,
    toString(ifNull(l.debit_account, '')) AS debit_account,
    toString(ifNull(l.credit_account, '')) AS credit_account,
    toString(l.currency) AS currency,
    count() AS entries,
    sum(l.amount_minor) AS amount_minor
FROM ledger AS l FINAL
WHERE l.booking_period = {month: String}
    AND l.kind NOT IN ('held', 'measure', 'marker')
    AND ({contract: String} = '' OR l.contract = {contract: String})
GROUP BY kind, contract, payer, to_patient, component, debit_account, credit_account, currency
ORDER BY kind, contract, payer, component, to_patient, debit_account, credit_account, currency
