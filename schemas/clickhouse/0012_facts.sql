-- Enrolments, clinical events and commerce events as they came in. The rules are those of 0001, but for one: a row is a copy
-- of a record, at its place in the topic, and never changes; which copies count, receipts and dead letters say. The sink
-- keeps every copy that a task can read, before it knows what the task makes of it.

CREATE TABLE IF NOT EXISTS enrolments
(
    patient_id         String COMMENT 'Patient, pseudonymous',
    id                 String COMMENT 'Id of the record',
    revision           Int32 COMMENT 'Revision of the record',
    partition          Int32 COMMENT 'Partition of its topic that it lies in',
    offset             Int64 COMMENT 'Offset there',
    status             LowCardinality(String) COMMENT 'final, amended or entered_in_error',
    source             LowCardinality(String) COMMENT 'live, import or simulated',
    episode_id         String COMMENT 'Episode of care',
    recorded_at        DateTime64(3, 'UTC') COMMENT 'When the statement was made',
    effective_at       DateTime64(3, 'UTC') COMMENT 'From when on its dated fields hold',
    procedure          LowCardinality(Nullable(String)) COMMENT 'Treatment, of the whole episode',
    treated_at         Nullable(DateTime64(3, 'UTC')) COMMENT 'Time of the treatment, of the whole episode',
    device             LowCardinality(Nullable(String)) COMMENT 'Implanted device, of the whole episode',
    manufacturer       LowCardinality(Nullable(String)) COMMENT 'Manufacturer of the device, of the whole episode',
    birth_year         Nullable(Int32) COMMENT 'Calendar year of birth',
    sex                LowCardinality(Nullable(String)) COMMENT 'female, male, other or unknown',
    organisation       LowCardinality(Nullable(String)) COMMENT 'Provider, from effective_at on',
    care_team          LowCardinality(Nullable(String)) COMMENT 'Care team, from effective_at on',
    clinician_id       LowCardinality(Nullable(String)) COMMENT 'Clinician, from effective_at on',
    plan               LowCardinality(Nullable(String)) COMMENT 'Plan document, from effective_at on',
    contract           LowCardinality(Nullable(String)) COMMENT 'Contract document, from effective_at on',
    vip                Nullable(Bool) COMMENT 'VIP, from effective_at on',
    self_pay_consent   Nullable(Bool) COMMENT 'Consent to self-pay, from effective_at on',
    spo2_scale         Nullable(Int32) COMMENT 'NEWS2 oxygen scale, 1 or 2, from effective_at on',
    time_zone          LowCardinality(Nullable(String)) COMMENT 'IANA zone of the patient, from effective_at on',
    episode_status     LowCardinality(Nullable(String)) COMMENT 'active, ended or erased, from effective_at on',
    comorbidities_said Bool COMMENT 'Whether comorbidities were stated',
    comorbidities      Array(LowCardinality(String)) COMMENT 'ICD-10 codes, of the whole episode'
)
ENGINE = ReplacingMergeTree
ORDER BY (patient_id, id, revision, partition, offset)
COMMENT 'Statements about episodes, each copy of each record';

CREATE TABLE IF NOT EXISTS clinical_events
(
    patient_id    String COMMENT 'Patient, pseudonymous',
    id            String COMMENT 'Id of the record',
    revision      Int32 COMMENT 'Revision of the record',
    partition     Int32 COMMENT 'Partition of its topic that it lies in',
    offset        Int64 COMMENT 'Offset there',
    status        LowCardinality(String) COMMENT 'final, amended or entered_in_error',
    source        LowCardinality(String) COMMENT 'live, import or simulated',
    happened_at   DateTime64(3, 'UTC') COMMENT 'When it happened',
    ended_at      Nullable(DateTime64(3, 'UTC')) COMMENT 'End of what lasts, excluded',
    episode_id    Nullable(String) COMMENT 'Episode of care',
    coding        LowCardinality(Nullable(String)) COMMENT 'Code system of code',
    code          LowCardinality(Nullable(String)) COMMENT 'What exactly, in that code system',
    result        LowCardinality(Nullable(String)) COMMENT 'Result in words',
    value         Nullable(Float64) COMMENT 'Result as a number, in the unit',
    unit          LowCardinality(Nullable(String)) COMMENT 'Unit of value, UCUM',
    comparator    LowCardinality(Nullable(String)) COMMENT '<, <=, >= or > where value is a limit of detection',
    related_id    Nullable(String) COMMENT 'Event that it belongs to',
    provider      LowCardinality(Nullable(String)) COMMENT 'Organisation where it happened',
    amount_minor  Nullable(Int64) COMMENT 'Amount, minor units of the currency',
    currency      LowCardinality(Nullable(String)) COMMENT 'ISO 4217 code',
    cost_category LowCardinality(Nullable(String)) COMMENT 'Category by which a contract pays',
    cost_nature   LowCardinality(Nullable(String)) COMMENT 'direct_medical, indirect or social',
    kind          LowCardinality(String) COMMENT 'What kind of event',
    payers        Array(Tuple(String, Nullable(String), Int64)) COMMENT '(kind, payer, amount in minor units) What each payer carries of the amount'
)
ENGINE = ReplacingMergeTree
ORDER BY (patient_id, id, revision, partition, offset)
COMMENT 'What happened to patients, each copy of each record';

CREATE TABLE IF NOT EXISTS commerce_events
(
    patient_id      String COMMENT 'Patient, pseudonymous',
    id              String COMMENT 'Id of the record',
    revision        Int32 COMMENT 'Revision of the record',
    partition       Int32 COMMENT 'Partition of its topic that it lies in',
    offset          Int64 COMMENT 'Offset there',
    status          LowCardinality(String) COMMENT 'final, amended or entered_in_error',
    source          LowCardinality(String) COMMENT 'live, import or simulated',
    happened_at     DateTime64(3, 'UTC') COMMENT 'When it happened',
    episode_id      Nullable(String) COMMENT 'Episode of care',
    purchase_id     Nullable(String) COMMENT 'Purchase that it belongs to',
    contract        LowCardinality(Nullable(String)) COMMENT 'Contract document, from effective_at on',
    product         LowCardinality(Nullable(String)) COMMENT 'Package or policy',
    product_version Nullable(Int32) COMMENT 'Version of the content of the package',
    item            LowCardinality(Nullable(String)) COMMENT 'Item of the package',
    quantity        Nullable(Int32) COMMENT 'How many of the item, count',
    buyer_id        Nullable(String) COMMENT 'Buyer, pseudonymous',
    side            LowCardinality(Nullable(String)) COMMENT 'patient, provider, staff or payer',
    actor_id        Nullable(String) COMMENT 'Who acts, pseudonymous',
    decision        LowCardinality(Nullable(String)) COMMENT 'Outcome of a verdict, choice or decision',
    reason          LowCardinality(Nullable(String)) COMMENT 'Stable code of the reason',
    amount_minor    Nullable(Int64) COMMENT 'Amount, minor units of the currency',
    currency        LowCardinality(Nullable(String)) COMMENT 'ISO 4217 code',
    points          Nullable(Int64) COMMENT 'Points redeemed, count',
    kind            LowCardinality(String) COMMENT 'What kind of event'
)
ENGINE = ReplacingMergeTree
ORDER BY (patient_id, id, revision, partition, offset)
COMMENT 'What was bought, used, refunded or chosen, each copy of each record';

-- What counts: of a record whose receipt says that it was taken and that no higher revision was, the first copy that was
-- not refused; without what was withdrawn. Who it belonged to at the time is what the receipt says.

CREATE OR REPLACE VIEW enrolments_current AS
SELECT
    fact.*,
    receipt.stored_at AS stored_at
FROM
(
    SELECT *
    FROM enrolments FINAL
    WHERE (partition, offset) NOT IN (SELECT partition, offset FROM dead_letters WHERE topic = 'enrolments')
    ORDER BY patient_id, id, revision, offset
    LIMIT 1 BY patient_id, id, revision
) AS fact
INNER JOIN
(
    SELECT patient_id, id, revision, stored_at, organisation, care_team, clinician_id, manufacturer, procedure
    FROM receipts FINAL
    WHERE topic = 'enrolments' AND outcome IN ('accepted', 'unscored') AND ifNull(reason, '') != 'superseded'
) AS receipt USING (patient_id, id, revision)
WHERE fact.status != 'entered_in_error';

CREATE OR REPLACE VIEW clinical_events_current AS
SELECT
    fact.*,
    receipt.stored_at AS stored_at,
    receipt.organisation AS organisation,
    receipt.care_team AS care_team,
    receipt.clinician_id AS clinician_id,
    receipt.manufacturer AS manufacturer,
    receipt.procedure AS procedure
FROM
(
    SELECT * REPLACE (CAST(payers AS Array(Tuple(payer_kind String, payer Nullable(String), amount_minor Int64))) AS payers)
    FROM clinical_events FINAL
    WHERE (partition, offset) NOT IN (SELECT partition, offset FROM dead_letters WHERE topic = 'clinical-events')
    ORDER BY patient_id, id, revision, offset
    LIMIT 1 BY patient_id, id, revision
) AS fact
INNER JOIN
(
    SELECT patient_id, id, revision, stored_at, organisation, care_team, clinician_id, manufacturer, procedure
    FROM receipts FINAL
    WHERE topic = 'clinical-events' AND outcome IN ('accepted', 'unscored') AND ifNull(reason, '') != 'superseded'
) AS receipt USING (patient_id, id, revision)
WHERE fact.status != 'entered_in_error';

CREATE OR REPLACE VIEW commerce_events_current AS
SELECT
    fact.*,
    receipt.stored_at AS stored_at,
    receipt.organisation AS organisation,
    receipt.care_team AS care_team,
    receipt.clinician_id AS clinician_id,
    receipt.manufacturer AS manufacturer,
    receipt.procedure AS procedure
FROM
(
    SELECT *
    FROM commerce_events FINAL
    WHERE (partition, offset) NOT IN (SELECT partition, offset FROM dead_letters WHERE topic = 'commerce-events')
    ORDER BY patient_id, id, revision, offset
    LIMIT 1 BY patient_id, id, revision
) AS fact
INNER JOIN
(
    SELECT patient_id, id, revision, stored_at, organisation, care_team, clinician_id, manufacturer, procedure
    FROM receipts FINAL
    WHERE topic = 'commerce-events' AND outcome IN ('accepted', 'unscored') AND ifNull(reason, '') != 'superseded'
) AS receipt USING (patient_id, id, revision)
WHERE fact.status != 'entered_in_error';
