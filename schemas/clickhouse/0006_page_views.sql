-- Who looked at whom. Written by the console before it shows a page; nothing replaces or deletes a row.
CREATE TABLE IF NOT EXISTS page_views
(
    viewed_at  DateTime64(3, 'UTC') COMMENT 'When the page was asked for',
    actor_id   String COMMENT 'Who asked, pseudonymous; local where no tokens are configured',
    role       LowCardinality(String) COMMENT 'Role of who asked',
    page       LowCardinality(String) COMMENT 'patient or clinician',
    subject_id String COMMENT 'Whose page, pseudonymous, as it was asked for',
    shown      Bool COMMENT 'Whether it was shown; not, where it is out of scope or there is no such page'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(viewed_at)
ORDER BY (subject_id, viewed_at)
COMMENT 'Every request for a page about one person';
