-- Raw readings, and the windows that are computed again from them. The rules are those of 0001.

ALTER TABLE late_readings
    ADD COLUMN IF NOT EXISTS organisation LowCardinality(Nullable(String)) COMMENT 'Organisation at the begin of its window',
    ADD COLUMN IF NOT EXISTS care_team LowCardinality(Nullable(String)) COMMENT 'Care team at the begin of its window',
    ADD COLUMN IF NOT EXISTS clinician_id LowCardinality(Nullable(String)) COMMENT 'Clinician at the begin of its window',
    ADD COLUMN IF NOT EXISTS manufacturer LowCardinality(Nullable(String)) COMMENT 'Manufacturer of the device of the episode',
    ADD COLUMN IF NOT EXISTS procedure LowCardinality(Nullable(String)) COMMENT 'Procedure of the episode',
    ADD COLUMN IF NOT EXISTS time_zone LowCardinality(Nullable(String)) COMMENT 'IANA zone of the patient at the begin of its window';

-- A view keeps the columns that its table had when it was made.
CREATE OR REPLACE VIEW late_readings_current AS
SELECT * FROM late_readings FINAL;

-- The task counts the first reading of a device, metric and time, in the order of the topic's offsets; so does this
-- table: the lower the offset, the higher the version.
CREATE TABLE IF NOT EXISTS readings
(
    version     UInt64 COMMENT '2^64 - 1 - offset: the first copy of a reading wins',
    patient_id  String COMMENT 'Patient, pseudonymous',
    device_id   String COMMENT 'Device',
    metric      LowCardinality(String) COMMENT 'What was measured',
    unit        LowCardinality(String) COMMENT 'Unit of the value, UCUM',
    value       Float64 COMMENT 'Value, in the unit',
    measured_at DateTime64(3, 'UTC') COMMENT 'When it was measured',
    partition   Int32 COMMENT 'Partition of wearable-readings that it came from',
    offset      Int64 COMMENT 'Offset of its upload there',
    source      LowCardinality(String) COMMENT 'live, import or simulated'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(measured_at)
ORDER BY (patient_id, metric, device_id, measured_at)
COMMENT 'Raw readings of wearables, as far as they can be used, each once';

-- Apart from those of the tasks, which hold what coverage proves: the task never issues a window again that is here.
CREATE TABLE IF NOT EXISTS late_windows
(
    version      UInt64 COMMENT 'Version of the late reading that it was computed for, the highest wins',
    patient_id   String COMMENT 'Patient, pseudonymous',
    device_id    String COMMENT 'Device',
    metric       LowCardinality(String) COMMENT 'What was measured',
    unit         LowCardinality(String) COMMENT 'Unit of mean, sd, min, max and percentiles, UCUM',
    window_start DateTime64(3, 'UTC') COMMENT 'Begin of the window, inclusive',
    length_s     UInt32 COMMENT 'Length of the window, seconds',
    readings     UInt32 COMMENT 'Readings in the window, count',
    mean         Float64 COMMENT 'Mean, in the unit',
    sd           Nullable(Float64) COMMENT 'Sample standard deviation (n - 1), in the unit',
    min          Float64 COMMENT 'Smallest value, in the unit',
    max          Float64 COMMENT 'Largest value, in the unit',
    stored_at    DateTime64(3, 'UTC') COMMENT 'Tick of the last late reading in it',
    organisation LowCardinality(Nullable(String)) COMMENT 'Organisation at the begin of the window',
    care_team    LowCardinality(Nullable(String)) COMMENT 'Care team at the begin of the window',
    clinician_id LowCardinality(Nullable(String)) COMMENT 'Clinician at the begin of the window',
    manufacturer LowCardinality(Nullable(String)) COMMENT 'Manufacturer of the device of the episode',
    procedure    LowCardinality(Nullable(String)) COMMENT 'Procedure of the episode',
    source       LowCardinality(String) COMMENT 'live, import or simulated',
    p10          Nullable(Float64) COMMENT 'Tenth percentile, within 1 %, in the unit',
    p50          Nullable(Float64) COMMENT 'Median, within 1 %, in the unit',
    p90          Nullable(Float64) COMMENT 'Ninetieth percentile, within 1 %, in the unit',
    coverage     Nullable(Float64) COMMENT 'Share of the slots that hold a reading, 0 to 1',
    in_range     Nullable(Float64) COMMENT 'Share of the readings within the target range, 0 to 1'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (patient_id, metric, device_id, length_s, window_start)
COMMENT 'Windows that readings reached after the task had ended them, computed again from all raw readings';

CREATE OR REPLACE VIEW windows_current AS
SELECT * FROM windows FINAL
WHERE (patient_id, metric, device_id, length_s, window_start) NOT IN (SELECT patient_id, metric, device_id, length_s, window_start FROM late_windows)
UNION ALL
SELECT * FROM late_windows FINAL;
