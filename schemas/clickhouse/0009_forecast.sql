-- What a patient's own earlier responses let expect. The rules are those of 0001.

ALTER TABLE scores
    ADD COLUMN IF NOT EXISTS forecast Nullable(Float64) COMMENT 'Index that the own earlier responses let expect, percent of the baseline',
    ADD COLUMN IF NOT EXISTS forecast_sd Nullable(Float64) COMMENT 'Standard deviation of the forecast index, percent of the baseline',
    ADD COLUMN IF NOT EXISTS level Nullable(Float64) COMMENT 'Mean of the own last scores since the treatment settled',
    ADD COLUMN IF NOT EXISTS change_errors Nullable(Float64) COMMENT 'Distance of the score from that level, standard errors of measurement, improvement positive',
    ADD COLUMN IF NOT EXISTS trend_errors Nullable(Float64) COMMENT 'Slope of the scores of 84 days in its standard errors, improvement positive';

CREATE OR REPLACE VIEW scores_current AS
SELECT * FROM scores FINAL WHERE status != 'withdrawn';
