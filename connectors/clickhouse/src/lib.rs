//! ClickHouse: migrations, versioned inserts, coverage, audit queries.
