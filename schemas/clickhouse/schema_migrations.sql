-- Which migrations this database has seen. The checksum is part of the key: two builds that disagree about a
-- migration leave two rows, which the next look finds.
CREATE TABLE IF NOT EXISTS schema_migrations
(
    number     UInt32 COMMENT 'Number of the migration, the first four digits of its file name',
    name       String COMMENT 'File name without extension',
    checksum   UInt64 COMMENT 'XXH3-64 of the text of the file',
    applied_at DateTime64(3, 'UTC') COMMENT 'When its last statement had succeeded, by the clock of the server'
)
ENGINE = ReplacingMergeTree
ORDER BY (number, checksum)
COMMENT 'Migrations applied to this database'
