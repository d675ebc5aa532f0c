-- A yardstick, not a rule: what a first view of runs cost, which counted less and by an older rule. The view that is
-- shipped is to take at most 1.5 times its CPU time. It finds spans by a ServiceName that starts with nanoagent.
CREATE OR REPLACE VIEW prototype_runs AS
WITH
span AS (    -- one row a span (a redelivered copy has the same ids). any() on scalars only: on the Map it is 7x slower
  SELECT TraceId, SpanId AS id, any(ParentSpanId) AS parent, any(SpanAttributes['gen_ai.operation.name']) AS op,
    any(SpanAttributes['nanoagent.run.id']) AS run, any(SpanAttributes['nanoagent.phase']) AS phase,
    any(toUInt32OrZero(SpanAttributes['nanoagent.iteration'])) AS iter,
    any(SpanName) AS name, any(StatusCode) = 'Error' AS failed,
    toUnixTimestamp64Nano(any(Timestamp)) AS t0, t0 + greatest(0, toInt64(any(Duration))) AS t1,   -- end < start arrives as 2^64-x
    any(toInt64OrNull(SpanAttributes['gen_ai.usage.input_tokens'])) AS tin,                        -- unknown is NULL, not 0
    any(toInt64OrNull(SpanAttributes['gen_ai.usage.output_tokens'])) AS tout,
    any(SpanAttributes['nanoagent.status']) AS status, any(SpanAttributes['nanoagent.stop_reason']) AS stop,
    any(toInt64OrZero(SpanAttributes['nanoagent.api_calls'])) AS said_api, any(toInt64OrZero(SpanAttributes['nanoagent.tool_calls'])) AS said_tool,
    any(toInt64OrZero(SpanAttributes['nanoagent.iterations'])) AS said_iter,
    any(toInt64OrZero(SpanAttributes['nanoagent.usage.input_tokens'])) AS said_in, any(toInt64OrZero(SpanAttributes['nanoagent.usage.output_tokens'])) AS said_out
  FROM otel_traces WHERE startsWith(ServiceName, 'nanoagent') GROUP BY TraceId, SpanId),
trace AS (   -- one row a trace, its spans as arrays; up1[i] = index of span i's parent, 0 if it is not here
  SELECT TraceId, groupArray(id) AS ids, groupArray(parent) AS parents, groupArray((run, phase, iter)) AS places,
    groupArray(op IN ('chat', 'generate_content', 'text_completion')) AS inference, groupArray(op = 'invoke_workflow') AS is_root,
    groupArray((op, name, failed, t0, t1, tin, tout, status, stop, said_api, said_tool, said_iter, said_in, said_out)) AS spans,
    arrayMap(p -> indexOf(ids, p), parents) AS up1,
    -- is span i inside an inference span? the distance looked at doubles: 1, 2, 4, 8, 16, 32 levels up
    arrayMap(i -> inference[i], up1) AS n1,                arrayMap(i -> up1[i], up1) AS up2,
    arrayMap((n, i) -> n OR n1[i], n1, up1) AS n2,         arrayMap(i -> up2[i], up2) AS up4,
    arrayMap((n, i) -> n OR n2[i], n2, up2) AS n4,         arrayMap(i -> up4[i], up4) AS up8,
    arrayMap((n, i) -> n OR n4[i], n4, up4) AS n8,         arrayMap(i -> up8[i], up8) AS up16,
    arrayMap((n, i) -> n OR n8[i], n8, up8) AS n16,
    arrayMap((n, i) -> n OR n16[i], n16, up16) AS nested,
    -- a nested run's id -> (run, phase, iteration) of the span around its root
    arrayFilter(i -> is_root[i] AND places[up1[i]].1 != '', arrayEnumerate(ids)) AS inner,
    mapFromArrays(arrayMap(i -> places[i].1, inner), arrayMap(i -> places[up1[i]], inner)) AS around
  FROM span GROUP BY TraceId),
counted AS ( -- one row a span and run it counts in: its own (level 1), then the runs around it
  SELECT TraceId, s.1 AS op, s.2 AS name, s.3 AS failed, s.4 AS t0, s.5 AS t1, s.6 AS tin, s.7 AS tout, s.8 AS status_, s.9 AS stop_, [s.10, s.11, s.12, s.13, s.14] AS said,
    at.1 AS run, at.2 AS phase, at.3 AS iter, level = 1 AS own, op = 'invoke_workflow' AND own AS root, orphan AND own AS lost_parent,
    op IN ('chat', 'generate_content', 'text_completion') AND NOT within AS llm, op = 'execute_tool' AS tool
  FROM (SELECT TraceId, s, within, NOT r AND parent != '' AND up = 0 AS orphan,      -- a run's root may have a remote parent
          around[p.1] AS o1, around[o1.1] AS o2, arrayFilter(x -> x.1 != '', [p, o1, o2, around[o2.1]]) AS chain
        FROM trace ARRAY JOIN spans AS s, places AS p, nested AS within, up1 AS up, parents AS parent, is_root AS r WHERE p.1 != '')
  ARRAY JOIN chain AS at, arrayEnumerate(chain) AS level)
SELECT TraceId, run AS run_id, anyIf(status_, root) AS status, anyIf(stop_, root) AS stop_reason, maxIf(t1 - t0, root) AS duration_ns,
  uniqExactIf(iter, own AND name = 'iteration') AS iterations,
  countIf(llm) AS api_calls, countIf(llm AND failed) AS failed_api_calls,
  sumIf(tin, llm) AS input_tokens, sumIf(tout, llm) AS output_tokens,
  countIf(tool) AS tool_calls, countIf(tool AND failed) AS failed_tool_calls,
  sumMapIf(map(phase, toInt64(1)), llm) AS api_calls_by_phase,
  sumMapIf(map(phase, ifNull(tin, 0) + ifNull(tout, 0)), llm) AS tokens_by_phase,
  sumMapIf(map(iter, toInt64(1)), llm AND iter > 0) AS api_calls_by_iteration,
  sumMapIf(map(iter, ifNull(tin, 0) + ifNull(tout, 0)), llm AND iter > 0) AS tokens_by_iteration,
  intervalLengthSumIf(t0, t1, llm) AS llm_ns, intervalLengthSumIf(t0, t1, tool) AS tool_ns,
  countIf(lost_parent) AS orphans, countIf(root) AS roots,
  roots = 1 AND orphans = 0 AND anyIf(said, root) = [toInt64(api_calls), toInt64(tool_calls), toInt64(iterations),
    ifNull(input_tokens, 0), ifNull(output_tokens, 0)] AS complete
FROM counted GROUP BY TraceId, run;
