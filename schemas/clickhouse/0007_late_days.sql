-- What it takes to compute a day again that a reading reached late. The rules are those of 0001.

ALTER TABLE late_readings
    ADD COLUMN IF NOT EXISTS day_from Nullable(DateTime64(3, 'UTC')) COMMENT 'Begin of the day of the patient that it lies in',
    ADD COLUMN IF NOT EXISTS day_until Nullable(DateTime64(3, 'UTC')) COMMENT 'End of that day, exclusive',
    ADD COLUMN IF NOT EXISTS elsewhere_hours Array(Int64) COMMENT 'Hours since 1970 UTC within that day that lie in another one, since the patient was in another zone',
    ADD COLUMN IF NOT EXISTS taken_before Nullable(Int64) COMMENT 'Offset of wearable-readings before which every upload was taken';

-- A view keeps the columns that its table had when it was made.
CREATE OR REPLACE VIEW late_readings_current AS
SELECT * FROM late_readings FINAL;
