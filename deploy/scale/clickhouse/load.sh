# What the compose profile `scale` has ClickHouse run at each start, before anybody can connect: the tables of the
# Collector's exporter, how long spans are kept, and the views of runs. The image's start-up script reads it.
clickhouse_nanoagent() {
  clickhouse-client --host 127.0.0.1 --user "$CLICKHOUSE_USER" --password "$CLICKHOUSE_PASSWORD" \
    --database "$CLICKHOUSE_DB" "$@"
}
clickhouse_nanoagent --queries-file /etc/nanoagent/otel_traces.sql
# Whole parts are dropped once all in them is old, so there is nothing to be written anew when the days change.
clickhouse_nanoagent --query "ALTER TABLE otel_traces MODIFY TTL toDate(Timestamp) + toIntervalDay($SPANS_KEEP_DAYS)
  SETTINGS materialize_ttl_after_modify = 0"
clickhouse_nanoagent --query "ALTER TABLE otel_traces_trace_id_ts MODIFY TTL toDate(Start) + toIntervalDay($SPANS_KEEP_DAYS)
  SETTINGS materialize_ttl_after_modify = 0"
clickhouse_nanoagent --queries-file /etc/nanoagent/nanoagent_runs.sql
