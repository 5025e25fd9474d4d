-- The output streams, one row per id: "this is the state of the id as of this version".
--
-- Rules of these tables
--   * ReplacingMergeTree(version), read with FINAL: a repeated insert, whole or in part, changes nothing.
--   * ORDER BY is the id, from columns that never change for it. It begins with patient_id, because versions
--     compare only within one task, and the patient decides the task.
--   * PARTITION BY uses columns of the id only: rows in different partitions never replace each other. The month
--     of answered_at would not do, an amended upload moves it. Where the id holds no time there is no partition
--     key at all, which also keeps an insert in one partition, and so in one piece.
--   * Never a deduplication token, never an incremental materialized view over these tables.
--   * Every statement can be run again: a migration that was interrupted is repeated from its start.

CREATE TABLE IF NOT EXISTS scores
(
    version              UInt64 COMMENT 'Row version: incarnation of the task << 48 | sequence, the highest wins',
    score_id             String COMMENT 'Id: episode/upload/instrument, or episode/upload/composite',
    episode_id           String COMMENT 'Episode of care',
    patient_id           String COMMENT 'Patient, pseudonymous',
    upload_id            String COMMENT 'PROM upload that the score comes from',
    upload_revision      Int32 COMMENT 'Revision of the upload',
    instrument           LowCardinality(String) COMMENT 'Instrument, or composite',
    instrument_version   Int32 COMMENT 'Version of the instrument document',
    value_set            LowCardinality(String) COMMENT 'Value set of a preference-based instrument, empty for none',
    status               LowCardinality(String) COMMENT 'scored, unscored or withdrawn',
    reason               LowCardinality(Nullable(String)) COMMENT 'Why it is unscored or withdrawn, a stable code',
    answered_at          DateTime64(3, 'UTC') COMMENT 'When the patient answered',
    uploaded_at          DateTime64(3, 'UTC') COMMENT 'When the answers were uploaded',
    stored_at            DateTime64(3, 'UTC') COMMENT 'Tick at which the upload was first accepted',
    days_since_treatment Nullable(Float64) COMMENT 'answered_at - treatment, days, negative before it',
    respondent           LowCardinality(String) COMMENT 'patient or proxy',
    score                Nullable(Float64) COMMENT 'Score, in the points of the instrument',
    scales               Map(String, Float64) COMMENT 'Scores of the scales by name, in the points of the instrument',
    baseline             Nullable(Float64) COMMENT 'Baseline score, in the points of the instrument',
    baseline_upload_id   Nullable(String) COMMENT 'Upload that the baseline comes from',
    `index`              Nullable(Float64) COMMENT 'Health index, percent of the baseline',
    index_rule           LowCardinality(Nullable(String)) COMMENT 'percent, or points where the baseline is near zero or below',
    change_mcid          Nullable(Float64) COMMENT 'Change since the previous scored upload, in MCIDs, positive is better',
    ewma                 Nullable(Float64) COMMENT 'Exponentially weighted mean of the score, in its points',
    mean_28d             Nullable(Float64) COMMENT 'Mean of the score over 28 days, in its points',
    slope_56d            Nullable(Float64) COMMENT 'Theil-Sen slope of the score over 56 days, points per day',
    uploads_done         UInt32 COMMENT 'Uploads done of those due, count',
    uploads_due          UInt32 COMMENT 'Uploads due by the plan so far, count',
    expected             Nullable(Float64) COMMENT 'Expected health index, percent of the baseline',
    curve_edition        Nullable(String) COMMENT 'Edition of the curve that it was judged by',
    organisation         LowCardinality(Nullable(String)) COMMENT 'Organisation at answered_at',
    care_team            LowCardinality(Nullable(String)) COMMENT 'Care team at answered_at',
    clinician_id         LowCardinality(Nullable(String)) COMMENT 'Clinician at answered_at',
    manufacturer         LowCardinality(Nullable(String)) COMMENT 'Manufacturer of the device of the episode',
    procedure            LowCardinality(Nullable(String)) COMMENT 'Procedure of the episode',
    source               LowCardinality(String) COMMENT 'live, import or simulated'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (patient_id, score_id)
COMMENT 'Scores of PROM uploads, one row per episode, upload and instrument';

CREATE TABLE IF NOT EXISTS receipts
(
    version      UInt64 COMMENT 'Row version: incarnation of the task << 48 | sequence, the highest wins',
    topic        LowCardinality(String) COMMENT 'Input topic, without the prefix of the application',
    id           String COMMENT 'Id of the record',
    revision     Int32 COMMENT 'Revision of the record',
    patient_id   String COMMENT 'Patient, pseudonymous',
    outcome      LowCardinality(String) COMMENT 'accepted, held, unscored, late or rejected',
    reason       LowCardinality(Nullable(String)) COMMENT 'Why, a stable code',
    copies       UInt32 COMMENT 'Copies that arrived, count: 1 + duplicates + conflicts',
    duplicates   UInt32 COMMENT 'Further copies with the same content, count',
    conflicts    UInt32 COMMENT 'Further copies with other content, count',
    stored_at    DateTime64(3, 'UTC') COMMENT 'Tick at which the record was first taken in',
    organisation LowCardinality(Nullable(String)) COMMENT 'Organisation at the time of the event',
    care_team    LowCardinality(Nullable(String)) COMMENT 'Care team at the time of the event',
    clinician_id LowCardinality(Nullable(String)) COMMENT 'Clinician at the time of the event',
    manufacturer LowCardinality(Nullable(String)) COMMENT 'Manufacturer of the device of the episode',
    procedure    LowCardinality(Nullable(String)) COMMENT 'Procedure of the episode',
    source       LowCardinality(String) COMMENT 'live, import or simulated'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (patient_id, topic, id, revision)
COMMENT 'What became of each record, one row per topic, id and revision';

CREATE TABLE IF NOT EXISTS reading_receipts
(
    version      UInt64 COMMENT 'Row version: incarnation of the task << 48 | sequence, the highest wins',
    patient_id   String COMMENT 'Patient, pseudonymous',
    device_id    String COMMENT 'Device',
    day          Date32 COMMENT 'UTC day of the measurements',
    outcome      LowCardinality(String) COMMENT 'accepted, duplicate, conflicting, late, held or rejected',
    reason       LowCardinality(String) COMMENT 'Why, a stable code, empty for none',
    records      UInt64 COMMENT 'Records whose first reading is counted here, count',
    readings     UInt64 COMMENT 'Readings, count',
    stored_at    DateTime64(3, 'UTC') COMMENT 'Tick of the last reading counted',
    organisation LowCardinality(Nullable(String)) COMMENT 'Organisation on that day',
    care_team    LowCardinality(Nullable(String)) COMMENT 'Care team on that day',
    clinician_id LowCardinality(Nullable(String)) COMMENT 'Clinician on that day',
    manufacturer LowCardinality(Nullable(String)) COMMENT 'Manufacturer of the device of the episode',
    procedure    LowCardinality(Nullable(String)) COMMENT 'Procedure of the episode',
    source       LowCardinality(String) COMMENT 'live, import or simulated'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (patient_id, device_id, day, outcome, reason)
COMMENT 'What became of wearable readings, counted by patient, device, day and outcome';

CREATE TABLE IF NOT EXISTS windows
(
    version      UInt64 COMMENT 'Row version: incarnation of the task << 48 | sequence, the highest wins',
    patient_id   String COMMENT 'Patient, pseudonymous',
    device_id    String COMMENT 'Device',
    metric       LowCardinality(String) COMMENT 'What was measured',
    unit         LowCardinality(String) COMMENT 'Unit of mean, sd, min and max, UCUM',
    window_start DateTime64(3, 'UTC') COMMENT 'Begin of the window, inclusive',
    length_s     UInt32 COMMENT 'Length of the window, seconds',
    readings     UInt32 COMMENT 'Readings in the window, count',
    mean         Float64 COMMENT 'Mean, in the unit',
    sd           Nullable(Float64) COMMENT 'Sample standard deviation (n - 1), in the unit',
    min          Float64 COMMENT 'Smallest value, in the unit',
    max          Float64 COMMENT 'Largest value, in the unit',
    stored_at    DateTime64(3, 'UTC') COMMENT 'Tick of the last reading in it',
    organisation LowCardinality(Nullable(String)) COMMENT 'Organisation at the begin of the window',
    care_team    LowCardinality(Nullable(String)) COMMENT 'Care team at the begin of the window',
    clinician_id LowCardinality(Nullable(String)) COMMENT 'Clinician at the begin of the window',
    manufacturer LowCardinality(Nullable(String)) COMMENT 'Manufacturer of the device of the episode',
    procedure    LowCardinality(Nullable(String)) COMMENT 'Procedure of the episode',
    source       LowCardinality(String) COMMENT 'live, import or simulated'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (patient_id, metric, device_id, length_s, window_start)
COMMENT 'Wearable readings summed up in tumbling windows';

CREATE TABLE IF NOT EXISTS late_readings
(
    version     UInt64 COMMENT 'Row version: incarnation of the task << 48 | sequence, the highest wins',
    patient_id  String COMMENT 'Patient, pseudonymous',
    device_id   String COMMENT 'Device',
    metric      LowCardinality(String) COMMENT 'What was measured',
    unit        LowCardinality(String) COMMENT 'Unit of the value, UCUM',
    value       Float64 COMMENT 'Value, in the unit',
    measured_at DateTime64(3, 'UTC') COMMENT 'When it was measured',
    stored_at   DateTime64(3, 'UTC') COMMENT 'Tick at which it arrived',
    source      LowCardinality(String) COMMENT 'live, import or simulated'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(measured_at)
ORDER BY (patient_id, metric, device_id, measured_at)
COMMENT 'Readings that came after their window had been let go';

CREATE TABLE IF NOT EXISTS dead_letters
(
    version     UInt64 COMMENT 'Row version: incarnation of the task << 48 | sequence, the highest wins',
    topic       LowCardinality(String) COMMENT 'Input topic, without the prefix of the application',
    partition   Int32 COMMENT 'Partition of the input topic',
    offset      Int64 COMMENT 'Offset in the input topic',
    record_at   DateTime64(3, 'UTC') COMMENT 'Timestamp of the record in Kafka',
    stage       LowCardinality(String) COMMENT 'Where it failed: DESERIALIZE, VALIDATE and so on',
    reason      LowCardinality(String) COMMENT 'Why, a stable code',
    message     String COMMENT 'Why, in words, without any value of the record',
    receipt     Bool COMMENT 'Whether the record also has a receipt, so as not to be counted twice',
    key_bytes   UInt32 COMMENT 'Size of the key, bytes',
    value_bytes UInt32 COMMENT 'Size of the value, bytes',
    stored_at   DateTime64(3, 'UTC') COMMENT 'Tick at which it was given up'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (topic, partition, offset)
COMMENT 'Records that could not be used, one row per record; the record itself is in the dead-letter topic';

CREATE TABLE IF NOT EXISTS coverage
(
    topic          LowCardinality(String) COMMENT 'Output topic, without the prefix of the application',
    partition      Int32 COMMENT 'Partition of the output topic',
    incarnation    UInt16 COMMENT 'Incarnation of the task that wrote the records',
    first_sequence UInt64 COMMENT 'First sequence of the run, inclusive',
    last_sequence  UInt64 COMMENT 'Last sequence of the run, inclusive',
    rows           UInt64 COMMENT 'Records in the run, count',
    checksum       UInt64 COMMENT 'Sum modulo 2^64 of XXH3-64 over the value of each record as read',
    written_at     DateTime64(3, 'UTC') COMMENT 'When their insert had been acknowledged, by the clock of the sink'
)
ENGINE = ReplacingMergeTree(written_at)
ORDER BY (topic, partition, first_sequence, last_sequence, incarnation, rows, checksum)
COMMENT 'Runs of sequences that are in the tables; runs may overlap, their union counts';
