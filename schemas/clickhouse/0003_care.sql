-- Judged scores, longer windows, alerts, reviews, vital scores, curves, the ledger. The rules are those of 0001.
-- The tuples of the tables have no names because the client that writes them knows none; the views give them.

ALTER TABLE scores
    ADD COLUMN IF NOT EXISTS expected_sd Nullable(Float64) COMMENT 'Standard deviation of the expected index, percent of the baseline',
    ADD COLUMN IF NOT EXISTS expected_n Nullable(UInt32) COMMENT 'Responses of the cohort at that time, without the own, count',
    ADD COLUMN IF NOT EXISTS cohort LowCardinality(Nullable(String)) COMMENT 'Cohort that it was compared with';

ALTER TABLE windows
    ADD COLUMN IF NOT EXISTS p10 Nullable(Float64) COMMENT 'Tenth percentile, within 1 %, in the unit',
    ADD COLUMN IF NOT EXISTS p50 Nullable(Float64) COMMENT 'Median, within 1 %, in the unit',
    ADD COLUMN IF NOT EXISTS p90 Nullable(Float64) COMMENT 'Ninetieth percentile, within 1 %, in the unit',
    ADD COLUMN IF NOT EXISTS coverage Nullable(Float64) COMMENT 'Share of the slots that hold a reading, 0 to 1',
    ADD COLUMN IF NOT EXISTS in_range Nullable(Float64) COMMENT 'Share of the readings within the target range, 0 to 1';

CREATE TABLE IF NOT EXISTS alerts
(
    version         UInt64 COMMENT 'Row version: incarnation of the task << 48 | sequence, the highest wins',
    alert_id        String COMMENT 'Id: episode or patient / rule / cause',
    revision        Int32 COMMENT 'States of this alert, counted from 1',
    status          LowCardinality(String) COMMENT 'open, acknowledged, snoozed, resolved or withdrawn',
    rule            LowCardinality(String) COMMENT 'Rule of the alert policy',
    policy          LowCardinality(String) COMMENT 'Alert policy and version',
    severity        LowCardinality(String) COMMENT 'critical, warning or info',
    audience        LowCardinality(String) COMMENT 'patient_care or service',
    routed_to       Array(LowCardinality(String)) COMMENT 'Roles that see it',
    patient_id      String COMMENT 'Patient, pseudonymous',
    episode_id      Nullable(String) COMMENT 'Episode of care',
    cause_kind      LowCardinality(String) COMMENT 'score, answer, window, event, silence, prediction or session',
    cause_id        String COMMENT 'What raised it',
    caused_at       DateTime64(3, 'UTC') COMMENT 'Event time of the cause',
    uploaded_at     Nullable(DateTime64(3, 'UTC')) COMMENT 'When the cause reached the service',
    raised_at       DateTime64(3, 'UTC') COMMENT 'Tick at which it was raised',
    historic        Bool COMMENT 'Notifies no one: imported, or too old when it arrived',
    vip             Bool COMMENT 'The patient is VIP',
    answer_due_at   Nullable(DateTime64(3, 'UTC')) COMMENT 'When a person must have answered',
    escalations     Int32 COMMENT 'How often it was escalated, count',
    assignee_id     Nullable(String) COMMENT 'Who has it',
    acknowledged_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was acknowledged',
    snoozed_until   Nullable(DateTime64(3, 'UTC')) COMMENT 'When it shows again',
    resolved_at     Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was resolved',
    outcome         LowCardinality(Nullable(String)) COMMENT 'Code of the resolution',
    evidence        Array(Tuple(String, Nullable(Float64), Nullable(String), String, Nullable(String), Nullable(DateTime64(3, 'UTC')))) COMMENT '(name, value, text, unit, record_id, at) What the rule looked at',
    stored_at       DateTime64(3, 'UTC') COMMENT 'Tick at which the cause was first accepted',
    organisation    LowCardinality(Nullable(String)) COMMENT 'Organisation at the time of the cause',
    care_team       LowCardinality(Nullable(String)) COMMENT 'Care team at the time of the cause',
    clinician_id    LowCardinality(Nullable(String)) COMMENT 'Clinician at the time of the cause',
    manufacturer    LowCardinality(Nullable(String)) COMMENT 'Manufacturer of the device of the episode',
    procedure       LowCardinality(Nullable(String)) COMMENT 'Procedure of the episode',
    source          LowCardinality(String) COMMENT 'live, import or simulated'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (patient_id, alert_id)
COMMENT 'Alerts, one row per alert, its newest state';

CREATE TABLE IF NOT EXISTS vital_scores
(
    version      UInt64 COMMENT 'Row version: incarnation of the task << 48 | sequence, the highest wins',
    vital_id     String COMMENT 'Id: patient / kind / metric / time',
    patient_id   String COMMENT 'Patient, pseudonymous',
    kind         LowCardinality(String) COMMENT 'news2, adherence, baseline or surge',
    metric       LowCardinality(Nullable(String)) COMMENT 'What was measured',
    measured_at  DateTime64(3, 'UTC') COMMENT 'Last reading, or begin of the day',
    value        Nullable(Float64) COMMENT 'Value, in the unit',
    unit         LowCardinality(String) COMMENT 'Unit of value and median, UCUM',
    band         LowCardinality(Nullable(String)) COMMENT 'NEWS2: low, low_medium, medium or high',
    median       Nullable(Float64) COMMENT 'Own median of 28 days, or value risen from, in the unit',
    robust_z     Nullable(Float64) COMMENT 'Distance from the own median, robust standard deviations',
    parts        Map(String, Float64) COMMENT 'NEWS2: points by vital sign; adherence: doses taken and due, count',
    stored_at    DateTime64(3, 'UTC') COMMENT 'Tick of the last reading in it',
    organisation LowCardinality(Nullable(String)) COMMENT 'Organisation at measured_at',
    care_team    LowCardinality(Nullable(String)) COMMENT 'Care team at measured_at',
    clinician_id LowCardinality(Nullable(String)) COMMENT 'Clinician at measured_at',
    manufacturer LowCardinality(Nullable(String)) COMMENT 'Manufacturer of the device of the episode',
    procedure    LowCardinality(Nullable(String)) COMMENT 'Procedure of the episode',
    source       LowCardinality(String) COMMENT 'live, import or simulated'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (patient_id, vital_id)
COMMENT 'What vital signs add up to: NEWS2, adherence, deviations from the own baseline';

CREATE TABLE IF NOT EXISTS reviews
(
    version        UInt64 COMMENT 'Row version: incarnation of the task << 48 | sequence, the highest wins',
    review_id      String COMMENT 'Session',
    revision       Int32 COMMENT 'Revision of the verdict',
    status         LowCardinality(String) COMMENT 'final or withdrawn',
    patient_id     String COMMENT 'Patient, pseudonymous',
    episode_id     Nullable(String) COMMENT 'Episode that was looked at',
    upload_id      Nullable(String) COMMENT 'Upload that was reviewed',
    reviewer_id    LowCardinality(String) COMMENT 'Clinician of the session',
    began_at       DateTime64(3, 'UTC') COMMENT 'Begin of the session',
    ended_at       DateTime64(3, 'UTC') COMMENT 'End of the session',
    duration_ms    Int64 COMMENT 'Length of the session, ms',
    interactions   Int32 COMMENT 'Interactions, count',
    sections_read  Int32 COMMENT 'Distinct sections read, count',
    burst_patients Int32 COMMENT 'Most patients begun within five minutes around it, count',
    verdict        LowCardinality(String) COMMENT 'service or superficial',
    reasons        Array(LowCardinality(String)) COMMENT 'Why it is no service, stable codes',
    rule           LowCardinality(String) COMMENT 'Rule that judged, and version',
    stored_at      DateTime64(3, 'UTC') COMMENT 'Tick at which the verdict was first accepted',
    organisation   LowCardinality(Nullable(String)) COMMENT 'Organisation at ended_at',
    care_team      LowCardinality(Nullable(String)) COMMENT 'Care team at ended_at',
    clinician_id   LowCardinality(Nullable(String)) COMMENT 'Clinician of the episode at ended_at',
    manufacturer   LowCardinality(Nullable(String)) COMMENT 'Manufacturer of the device of the episode',
    procedure      LowCardinality(Nullable(String)) COMMENT 'Procedure of the episode',
    source         LowCardinality(String) COMMENT 'live, import or simulated'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (patient_id, review_id)
COMMENT 'Sessions of clinicians as proof of service, one row per session';

CREATE TABLE IF NOT EXISTS curve_editions
(
    version        UInt64 COMMENT 'Row version: incarnation of the task << 48 | sequence, the highest wins',
    edition        LowCardinality(String) COMMENT 'Edition: procedure and period',
    cohort         String COMMENT 'Cohort: procedure / age band / sex / comorbidity, as far down as it goes',
    parent         Nullable(String) COMMENT 'Cohort that it borrows from',
    procedure      LowCardinality(String) COMMENT 'Procedure',
    instrument     LowCardinality(String) COMMENT 'Instrument, or composite',
    plan           LowCardinality(Nullable(String)) COMMENT 'Plan of a composite',
    effective_from DateTime64(3, 'UTC') COMMENT 'Judges answers from here on',
    period_end     DateTime64(3, 'UTC') COMMENT 'End of the period that it holds, exclusive',
    published_at   DateTime64(3, 'UTC') COMMENT 'Tick at which it was published',
    prior_n        Int32 COMMENT 'Responses of the mean of the parent that are mixed in, count',
    bins           Array(Tuple(Int32, Int32, Int32, Int64, Int64, Int64, Array(Int64))) COMMENT '(bin, from_day, to_day, n, sum_hundredths, sum_squares, quantiles_hundredths) Responses by time since treatment',
    sources        Array(Tuple(Int32, Int64)) COMMENT '(partition, last_sequence) What it holds of each source partition'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (procedure, instrument, ifNull(plan, ''), cohort, effective_from)
COMMENT 'Expected outcome curves, one row per cohort, instrument and edition';

CREATE TABLE IF NOT EXISTS ledger
(
    version          UInt64 COMMENT 'Row version: incarnation of the task << 48 | sequence, the highest wins',
    entry_id         String COMMENT 'Id: contract / cause / component / payer / reissue',
    kind             LowCardinality(String) COMMENT 'line, held, posting or marker',
    closing_id       Nullable(String) COMMENT 'marker: closing that it answers',
    contract         LowCardinality(Nullable(String)) COMMENT 'Contract document',
    contract_version Nullable(Int32) COMMENT 'Version that prices it',
    clause           LowCardinality(Nullable(String)) COMMENT 'Clause of the contract',
    component        LowCardinality(Nullable(String)) COMMENT 'Component, such as fee or adjustment',
    component_id     Nullable(String) COMMENT 'What was rounded once and split',
    patient_id       Nullable(String) COMMENT 'Patient, pseudonymous',
    episode_id       Nullable(String) COMMENT 'Episode of care',
    payer            LowCardinality(Nullable(String)) COMMENT 'line: who owes',
    payee            LowCardinality(Nullable(String)) COMMENT 'line: who is owed',
    debit_account    LowCardinality(Nullable(String)) COMMENT 'posting: account that is debited',
    credit_account   LowCardinality(Nullable(String)) COMMENT 'posting: account that is credited',
    amount_minor     Int64 COMMENT 'Signed amount, minor units of the currency',
    currency         LowCardinality(String) COMMENT 'ISO 4217 code',
    triggered_at     Nullable(DateTime64(3, 'UTC')) COMMENT 'Event time of what triggered it',
    service_period   LowCardinality(Nullable(String)) COMMENT 'Month in which the trigger happened',
    booking_period   LowCardinality(Nullable(String)) COMMENT 'Month in which it is booked',
    reason           LowCardinality(Nullable(String)) COMMENT 'Why it is held, reversed or booked later, a stable code',
    reverses         Nullable(String) COMMENT 'Entry that it reverses',
    evidence         Array(Tuple(String, String, String, Nullable(String), Nullable(Int32))) COMMENT '(name, value, unit, record_id, record_revision) What the amount rests on',
    stored_at        DateTime64(3, 'UTC') COMMENT 'Tick at which the fact behind it was first accepted',
    organisation     LowCardinality(Nullable(String)) COMMENT 'Organisation at the time of the trigger',
    care_team        LowCardinality(Nullable(String)) COMMENT 'Care team at the time of the trigger',
    clinician_id     LowCardinality(Nullable(String)) COMMENT 'Clinician at the time of the trigger',
    manufacturer     LowCardinality(Nullable(String)) COMMENT 'Manufacturer of the device of the episode',
    procedure        LowCardinality(Nullable(String)) COMMENT 'Procedure of the episode',
    source           LowCardinality(String) COMMENT 'live, import or simulated'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY entry_id
COMMENT 'The ledger: amounts with what they rest on; an entry never changes, a correction is a reversal and a new entry';

-- A view keeps the columns that its table had when it was made.
CREATE OR REPLACE VIEW scores_current AS
SELECT * FROM scores FINAL WHERE status != 'withdrawn';

CREATE OR REPLACE VIEW windows_current AS
SELECT * FROM windows FINAL;

CREATE VIEW IF NOT EXISTS alerts_current AS
SELECT * REPLACE (CAST(evidence AS Array(Tuple(name String, value Nullable(Float64), text Nullable(String), unit String, record_id Nullable(String), at Nullable(DateTime64(3, 'UTC'))))) AS evidence)
FROM alerts FINAL WHERE status != 'withdrawn';

CREATE VIEW IF NOT EXISTS vital_scores_current AS
SELECT * FROM vital_scores FINAL;

CREATE VIEW IF NOT EXISTS reviews_current AS
SELECT * FROM reviews FINAL WHERE status != 'withdrawn';

CREATE VIEW IF NOT EXISTS curve_editions_current AS
SELECT * REPLACE (CAST(bins AS Array(Tuple(bin Int32, from_day Int32, to_day Int32, n Int64, sum_hundredths Int64, sum_squares Int64, quantiles_hundredths Array(Int64)))) AS bins, CAST(sources AS Array(Tuple(partition Int32, last_sequence Int64))) AS sources)
FROM curve_editions FINAL;

CREATE VIEW IF NOT EXISTS ledger_current AS
SELECT * REPLACE (CAST(evidence AS Array(Tuple(name String, value String, unit String, record_id Nullable(String), record_revision Nullable(Int32)))) AS evidence)
FROM ledger FINAL;
