-- The ledger, version 2: as what a party pays or is paid, the case, and how an amount came about. The rules are those of 0001.
-- Of the kinds only line and posting are money. shown is listed, never summed; measure counts what a population adds up to,
-- and notice says that something is to be done.

ALTER TABLE ledger
    MODIFY COLUMN kind LowCardinality(String) COMMENT 'line, held, posting, marker, shown, measure or notice; only line and posting are summed as money',
    ADD COLUMN IF NOT EXISTS case_id Nullable(String) COMMENT 'Case: episode, purchase or key of a population',
    ADD COLUMN IF NOT EXISTS payer_role LowCardinality(Nullable(String)) COMMENT 'line, shown: as what the payer pays',
    ADD COLUMN IF NOT EXISTS payee_role LowCardinality(Nullable(String)) COMMENT 'line, shown: as what the payee is paid',
    ADD COLUMN IF NOT EXISTS said Array(String) COMMENT 'How the amount came about, a sentence each, as said when it was issued';

CREATE OR REPLACE VIEW ledger_current AS
SELECT * REPLACE (CAST(evidence AS Array(Tuple(name String, value String, unit String, record_id Nullable(String), record_revision Nullable(Int32)))) AS evidence)
FROM ledger FINAL;
