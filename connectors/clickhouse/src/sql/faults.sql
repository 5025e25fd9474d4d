-- Entries that cannot be, by what is wrong with them. One that is there twice is the same twice, until it is merged.
WITH
corrected AS
(
    SELECT assumeNotNull(reverses) FROM ledger WHERE contract = {contract: String} AND reverses IS NOT NULL
),
entries AS
(
    SELECT DISTINCT
        l.entry_id AS entry_id,
        toString(l.kind) AS kind,
        l.reverses AS reverses,
        l.amount_minor AS amount_minor,
        l.booking_period AS booking_period,
        ifNull(l.debit_account, '') AS debit_account,
        ifNull(l.credit_account, '') AS credit_account,
        (l.component_id, l.payer, l.payee, l.debit_account, l.credit_account, toString(l.currency), l.service_period) AS about
    FROM ledger AS l
    WHERE l.contract = {contract: String} AND l.kind != 'held'
)
SELECT fault, uniqExact(entry_id) AS entries, arraySort(groupUniqArray(5)(entry_id)) AS examples
FROM
(
    SELECT
        multiIf(
            o.entry_id = '', 'reverses_nothing',
            r.amount_minor != -o.amount_minor OR r.about != o.about OR r.kind != o.kind, 'reverses_wrongly',
            r.booking_period < o.booking_period, 'reverses_before_it_was_booked',
            '') AS fault,
        r.entry_id AS entry_id
    FROM (SELECT * FROM entries WHERE reverses IS NOT NULL) AS r
    LEFT JOIN (SELECT * FROM entries WHERE entry_id IN (corrected)) AS o ON o.entry_id = r.reverses
    UNION ALL
    SELECT 'reversed_twice' AS fault, assumeNotNull(e.reverses) AS entry_id
    FROM entries AS e WHERE e.reverses IS NOT NULL GROUP BY e.reverses HAVING uniqExact(e.entry_id) > 1
    UNION ALL
    SELECT 'posted_without_two_accounts' AS fault, entry_id
    FROM ledger AS l
    WHERE l.contract = {contract: String} AND l.kind = 'posting'
        AND (ifNull(l.debit_account, '') = '' OR ifNull(l.credit_account, '') = '' OR l.debit_account = l.credit_account)
)
WHERE fault != ''
GROUP BY fault
ORDER BY fault
SETTINGS join_use_nulls = 0
