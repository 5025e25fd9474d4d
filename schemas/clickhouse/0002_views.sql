-- What people and dashboards read: one row per id, its newest version, without what was withdrawn.

CREATE VIEW IF NOT EXISTS scores_current AS
SELECT * FROM scores FINAL WHERE status != 'withdrawn';

CREATE VIEW IF NOT EXISTS receipts_current AS
SELECT * FROM receipts FINAL;

CREATE VIEW IF NOT EXISTS reading_receipts_current AS
SELECT * FROM reading_receipts FINAL;

CREATE VIEW IF NOT EXISTS windows_current AS
SELECT * FROM windows FINAL;

CREATE VIEW IF NOT EXISTS late_readings_current AS
SELECT * FROM late_readings FINAL;

CREATE VIEW IF NOT EXISTS dead_letters_current AS
SELECT * FROM dead_letters FINAL;
