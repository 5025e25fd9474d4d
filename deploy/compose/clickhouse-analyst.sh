#!/bin/bash
# Run by ClickHouse's image when its data folder is new: the user of the dashboards, who reads the views for analysts and
# nothing else.
set -eu
clickhouse-client --user "$CLICKHOUSE_USER" --password "$CLICKHOUSE_PASSWORD" --multiquery <<SQL
CREATE USER IF NOT EXISTS aftercare_analyst IDENTIFIED WITH sha256_password BY '${ANALYST_PASSWORD//[^0-9a-zA-Z]/}'
  SETTINGS readonly = 2, max_execution_time = 30 CHANGEABLE_IN_READONLY, max_memory_usage = 2000000000;
GRANT SELECT ON aftercare.analyst_* TO aftercare_analyst;
SQL
