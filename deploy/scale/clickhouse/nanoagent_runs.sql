-- The counting rule of nanoagent over the table that the Collector's ClickHouse exporter writes: one row for each run of
-- ours, every number of it the one that the project's own fold (nanoagent/core) finds. Numbers in brackets are those of
-- the rule, which is written down in nanoagent/core/counting.py. Run this in the database of `otel_traces`, as often as
-- you like:
--
--     clickhouse-client --database otel < nanoagent_runs.sql
--
-- What the store cannot tell:
--   - The exporter writes every value as text: 12 and '12' look alike here, and both are the number. A text is a number
--     where the exporter would write one so. '012', '+12' and '12.0' are no counts.
--   - Of two copies of a span that start and end at the same times and differ all the same, one counts, whole, and nobody
--     says which. The fold looks at the rest of them.
--   - A run of more than 100,000 spans is not judged: its ids, its first and its last moment and its spans are true, and
--     nothing is counted. Whatever there is, memory grows with the spans and no faster.
--   - A run is found whole where no more than a day passes between its spans before and after `since`.
--   - A model call of others is untracked (7) where at most 63 spans of others lie between it and the run.
--
-- `SpanAttributes['key']` reads the whole map once for each key and takes '' for none. `arrayElementOrNull` does neither.
-- Spans are looked up by their ids alone first, since a key of one column is found several times sooner than one of two.
-- What more comes of it, a span of another trace with the same id, is told apart later, or says nothing.

CREATE OR REPLACE VIEW nanoagent_runs_since AS
WITH RECURSIVE

{since:DateTime64(9)} AS since,
100000 AS most_spans,  -- of a run that is judged

key -> arrayElementOrNull(SpanAttributes, key) AS attribute,
-- What is written again as it was read is a number as the exporter writes it.
text -> if(toString(toUInt64OrNull(text)) = text, toInt64OrNull(text), NULL) AS as_count,
text -> if(length(text) < 10, as_count(text), NULL) AS as_tokens,
text -> if(match(text, '^(-0|(0|[1-9][0-9]*)([.][0-9]+)?(e[+-][0-9]+)?)$'), text, NULL) AS as_amount,
-- 38 digits, 29 of them behind the point: what is 1e9 or more does not fit and is unknown, as it should be.
text -> toDecimal128(roundBankers(toDecimal128OrNull(as_amount(text), 29), 12), 12) AS as_usd,
seconds -> if(seconds < 1e6, toInt64(roundBankers(seconds * 1e9)), NULL) AS as_ns,

-- `keys` is read without the values; `mapContains` reads both where there is another condition.
received AS (
    SELECT *, SpanAttributes.keys AS keys
    FROM otel_traces
    WHERE Timestamp >= since - INTERVAL 1 DAY),

-- The spans as they were received, with what each says. An end before its start arrives as a duration of 2^64 less.
copy AS (
    SELECT
        TraceId, SpanId, ParentSpanId, SpanAttributes,
        toUnixTimestamp64Nano(Timestamp) AS began,
        began + toInt64(Duration) AS said_end,
        greatest(began, said_end) AS ended,
        toInt128(said_end) * 9223372036854775808 + began AS age,
        attribute('nanoagent.run.id') AS run,
        attribute('gen_ai.operation.name') AS operation,
        attribute('nanoagent.phase') AS phase,
        as_count(attribute('nanoagent.iteration')) AS iteration,
        operation = 'execute_tool' AND mapContains(SpanAttributes, 'nanoagent.tool.deferred') AS deferred,
        multiIf(
            run IS NULL, 'of others',
            operation IN ('chat', 'generate_content', 'text_completion'), 'call',
            operation = 'execute_tool' AND NOT deferred, 'tool',
            mapContains(SpanAttributes, 'nanoagent.status') OR operation = 'invoke_workflow', 'root',
            operation IN ('plan', 'invoke_agent'), 'agent',
            iteration IS NULL, 'other',
            operation = 'iteration' OR SpanName = 'iteration' AND (operation IS NULL OR deferred), 'iteration',
            'other') AS kind,
        arrayLast(
            (attributes, name) -> name = 'exception' AND mapContains(attributes, 'exception.type'),
            Events.Attributes, Events.Name)['exception.type'] AS exception,
        multiIf(
            StatusCode != 'Error', NULL,
            attribute('error.type') != '', attribute('error.type'),
            exception != '', exception,
            '_OTHER') AS error_type
    FROM received),

-- (1) Of copies of a span that differ, the one that ended last, of those the one that started last.
latest AS (
    SELECT SpanId, groupArray((TraceId, latest_age)) AS ages
    FROM (
        SELECT TraceId, SpanId, max(age) AS latest_age
        FROM copy
        WHERE SpanId IN (SELECT SpanId FROM received GROUP BY SpanId HAVING count() > 1)
        GROUP BY TraceId, SpanId
        HAVING min(age) < latest_age)
    GROUP BY SpanId),

-- (6, 16) What the root of a nested run says of the run around it; roots are found by what only few spans carry.
root AS (
    SELECT run, argMin((attribute('nanoagent.run.parent_id'), phase, iteration), (began, SpanId, TraceId)) AS outer
    FROM (
        SELECT *
        FROM copy
        WHERE SpanId IN (
            SELECT SpanId
            FROM received
            WHERE attribute('nanoagent.run.id') IN (
                SELECT attribute('nanoagent.run.id')
                FROM received
                WHERE mapContains(SpanAttributes, 'nanoagent.run.parent_id'))
            AND (mapContains(SpanAttributes, 'nanoagent.status') OR has(mapValues(SpanAttributes), 'invoke_workflow')))
        ORDER BY age DESC
        LIMIT 1 BY TraceId, SpanId)
    WHERE kind = 'root'
    GROUP BY run
    HAVING outer.1 IS NOT NULL),

-- (6) The runs around a nested run, each with the phase and the iteration that it counts under there. Each way up is
-- joined to the one that begins where it ends, so that its length doubles: 1, 2, 4, 8, 16, 32, 64. A way that comes to a
-- run again ends before it.
climb AS (
    SELECT assumeNotNull(run) AS run, [(assumeNotNull(outer.1), outer.2, outer.3)] AS way, 1 AS levels
    FROM root
    UNION ALL
    SELECT lower.1 AS run, arrayConcat(lower.2, upper) AS way, levels * 2 AS levels
    FROM (
        SELECT levels, point, groupArrayIf((run, way), ends_here) AS ending, anyIf(way, NOT ends_here) AS upper
        FROM climb ARRAY JOIN [run, way[-1].1] AS point, [false, true] AS ends_here
        WHERE levels < 64
        GROUP BY levels, point)
    ARRAY JOIN ending AS lower),
around AS (
    SELECT
        run, way.1 AS ids,
        arrayFirstIndex((id, level) -> id = run OR indexOf(ids, id) < level, ids, arrayEnumerate(ids)) AS circle,
        if(circle = 0, way, arrayResize(way, circle - 1)) AS outers
    FROM climb
    WHERE levels = 64),

-- (7) The spans of others, by the table in nanoagent/core/producers.py: of the attributes that say what a span is, the
-- first one with a value that means something decides. Only traces with a key that can make a call are looked at.
foreign AS (
    SELECT
        TraceId, SpanId, ParentSpanId,
        meaning != 'none' AS is_call,
        -- A log record beside a stream tells what the stream used, and is no call of its own.
        is_call AND NOT ifNull(meaning = 'call' AND attribute('logfire.span_type') = 'log', false) AS calls,
        arrayFirst(tokens -> tokens IS NOT NULL, arrayMap(key -> as_tokens(attribute(key)), [
            'gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens', 'llm.usage.prompt_tokens',
            'llm.token_count.prompt', 'ai.usage.inputTokens'])) AS input,
        arrayFirst(tokens -> tokens IS NOT NULL, arrayMap(key -> as_tokens(attribute(key)), [
            'gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens', 'llm.usage.completion_tokens',
            'llm.token_count.completion', 'ai.usage.outputTokens'])) AS output,
        ifNull(input, 0) + ifNull(output, 0) AS tokens
    FROM (
        SELECT
            *,
            multiIf(
                operation IN ('chat', 'generate_content', 'text_completion'), 'call',
                operation IN ('invoke_workflow', 'invoke_agent', 'execute_tool'), 'none',
                attribute('openinference.span.kind') = 'LLM', 'call',
                attribute('openinference.span.kind') IN ('AGENT', 'TOOL'), 'none',
                attribute('traceloop.span.kind') IN ('workflow', 'agent', 'tool'), 'none',
                attribute('llm.request.type') IN ('chat', 'completion'), 'call',
                match(attribute('ai.operationId'), '^ai[.](generateText|generateObject)[.]doGenerate$'), 'call around tools',
                match(attribute('ai.operationId'), '^ai[.](streamText|streamObject)[.]doStream$'), 'call around tools',
                match(attribute('ai.operationId'), '^ai[.](generateText|streamText|generateObject|streamObject|toolCall)$'), 'none',
                attribute('logfire.msg_template') = 'Chat completion with {gen_ai.request.model!r}', 'call',
                attribute('logfire.msg_template') = 'Responses API with {gen_ai.request.model!r}', 'call',
                attribute('logfire.msg_template') IN ('OpenAI Agents trace: {name}', 'Agent run: {name!r}', 'Function: {name}'), 'none',
                attribute('gen_ai.system') = 'gcp.vertex.agent', 'call around tools',
                error_type IS NOT NULL AND mapContains(SpanAttributes, 'pydantic_ai.model_request.attempt'), 'attempt',
                'none') AS meaning
        FROM copy
        WHERE SpanId IN (
            SELECT arrayJoin(ids)
            FROM (
                SELECT TraceId, groupArray(SpanId) AS ids
                FROM received
                WHERE NOT has(keys, 'nanoagent.run.id')
                GROUP BY TraceId
                HAVING countIf(hasAny(keys, [
                    'gen_ai.operation.name', 'openinference.span.kind', 'llm.request.type', 'ai.operationId',
                    'logfire.msg_template', 'gen_ai.system', 'pydantic_ai.model_request.attempt'])) > 0))
        ORDER BY age DESC
        LIMIT 1 BY TraceId, SpanId)
    WHERE run IS NULL),

-- (7) From each span of others in a trace that holds such calls up to what lies around it, in ways that double as above.
-- They end below a span of ours, or without a parent, or after 64 spans.
rise AS (
    SELECT TraceId, SpanId, ParentSpanId AS up, calls, if(is_call, tokens, 0) AS tokens, 1 AS levels
    FROM foreign
    UNION ALL
    SELECT
        TraceId, lower.1 AS SpanId, if(goes_on, upper, point) AS up, lower.2 AS calls, lower.3 AS tokens,
        levels * 2 AS levels
    FROM (
        SELECT
            levels, TraceId, point, groupArrayIf((SpanId, calls, tokens), ends_here) AS ending,
            countIf(NOT ends_here) > 0 AS goes_on, anyIf(up, NOT ends_here) AS upper
        FROM rise ARRAY JOIN [SpanId, up] AS point, [false, true] AS ends_here
        WHERE levels < 64
        GROUP BY levels, TraceId, point)
    ARRAY JOIN ending AS lower),
untracked AS (
    SELECT up AS SpanId, groupArray((TraceId, calls, tokens)) AS below
    FROM rise
    WHERE levels = 64 AND up != ''
    GROUP BY up),

-- What each span of ours says.
said AS (
    SELECT
        TraceId, SpanId, ParentSpanId, began, ended, age, kind, phase, iteration,
        assumeNotNull(copy.run) AS run,
        kind = 'call' AS is_call,
        kind = 'tool' AS is_tool,
        kind IN ('call', 'tool') AS is_used,
        error_type IS NOT NULL AS has_failed,
        ifNull(error_type = 'asyncio.exceptions.CancelledError', false) AS is_cancelled,
        is_call AND NOT has_failed AS is_answered,
        attribute('gen_ai.response.model') AS answering,
        if(is_call, ifNull(if(answering != '', answering, attribute('gen_ai.request.model')), ''), '') AS model,
        if(is_call, as_tokens(attribute('gen_ai.usage.input_tokens')), NULL) AS input,
        if(is_call, as_tokens(attribute('gen_ai.usage.output_tokens')), NULL) AS output,
        if(is_call, as_tokens(attribute('gen_ai.usage.cache_read.input_tokens')), NULL) AS cached,
        if(is_call, as_tokens(attribute('gen_ai.usage.cache_creation.input_tokens')), NULL) AS created,
        if(is_call, as_tokens(attribute('gen_ai.usage.reasoning.output_tokens')), NULL) AS reasoning,
        if(is_call, as_usd(attribute('operation.cost')), NULL) AS cost,
        if(is_call, as_ns(toFloat64OrNull(as_amount(attribute('gen_ai.response.time_to_first_chunk')))), NULL) AS chunk_ns,
        is_call AND has_failed AND NOT is_cancelled AS is_failed_call,
        is_call AND is_cancelled AS is_cancelled_call,
        is_answered AND (input IS NULL OR output IS NULL) AS is_unmeasured,
        is_answered AND cost IS NULL AS is_unpriced,
        is_tool AND has_failed AS is_failed_tool,
        phase IS NOT NULL AND own_mark IN (1, 2, 4) AS has_phase,
        iteration IS NOT NULL AND own_mark IN (1, 2, 8) AS has_iteration,
        toInt128(began) * 1000000000000000 + chunk_ns AS chunk,  -- smallest where the call began first; none has 10^15 ns
        transform(kind, ['call', 'tool', 'agent', 'iteration'], [1, 2, 4, 8], 0)::Int8 AS own_mark,
        if(kind = 'root', [(began, SpanId, TraceId, ended, operation, error_type, SpanAttributes)], []) AS own_roots
    FROM copy),

-- (1) Each span once.
span AS (
    SELECT *
    FROM said LEFT ANY JOIN latest USING (SpanId)
    WHERE arrayAll(last -> last.1 != TraceId OR last.2 = age, ages)
    LIMIT 1 BY TraceId, SpanId),

-- (6) Each span with the parts that it is in: its run, its phase and its iteration, and those of the runs around its
-- run. There it is no frame, and only calls and tools are in a phase or an iteration.
filed AS (
    SELECT
        * EXCEPT (run, phase, iteration),
        ParentSpanId != '' AND TraceId || ParentSpanId NOT IN (
            SELECT TraceId || SpanId FROM received) AS parent_is_missing,
        arrayFilter(call -> call.1 = TraceId, below) AS untracked,
        arraySum(call -> call.2, untracked) AS untracked_calls,
        arraySum(call -> call.3, untracked) AS span_untracked_tokens,
        if(parent_is_missing, [(TraceId || SpanId, ParentSpanId)], []) AS orphans,
        CAST(NULL, 'Nullable(String)') AS no_phase,
        CAST(NULL, 'Nullable(Int64)') AS no_iteration,
        (span.run, no_phase, no_iteration, true) AS in_run,
        (span.run, phase, no_iteration, true) AS in_phase,
        (span.run, no_phase, iteration, true) AS in_iteration,
        multiIf(
            has_phase AND has_iteration, [in_run, in_phase, in_iteration],
            has_phase, [in_run, in_phase],
            has_iteration, [in_run, in_iteration],
            [in_run]) AS own_targets,
        if(empty(outers), own_targets, arrayConcat(
            own_targets,
            arrayMap(outer -> (outer.1, no_phase, no_iteration, false), outers),
            arrayMap(outer -> (outer.1, outer.2, no_iteration, false),
                arrayFilter(outer -> is_used AND outer.2 IS NOT NULL, outers)),
            arrayMap(outer -> (outer.1, no_phase, outer.3, false),
                arrayFilter(outer -> is_used AND outer.3 IS NOT NULL, outers))
        )) AS targets
    FROM span LEFT ANY JOIN around ON around.run = span.run LEFT ANY JOIN untracked USING (SpanId)
    WHERE kind != 'of others'),

-- What a run adds up to, and each phase and each iteration of it.
part AS (
    SELECT
        run, phase, iteration,
        phase IS NOT NULL AS is_phase,
        iteration IS NOT NULL AS is_iteration,
        NOT is_phase AND NOT is_iteration AS is_whole,
        count() AS spans,
        countIf(in_own_whole) AS own_spans,
        minIf(TraceId, in_own_whole) AS trace_id,
        minIf(began, in_own_whole) AS first_began,
        maxIf(ended, in_own_whole) AS last_ended,
        sum(untracked_calls) AS untracked_api_calls,
        sum(span_untracked_tokens) AS untracked_tokens,
        groupArrayArrayIf(own_roots, in_own_whole) AS roots,
        groupArrayArrayIf(orphans, in_whole) AS orphans,
        groupUniqArrayIf(model, in_whole AND model != '') AS models,
        sum(is_call) AS api_calls,
        sum(is_failed_call) AS failed_api_calls,
        sum(is_cancelled_call) AS cancelled_api_calls,
        sum(is_unmeasured) AS unmeasured_api_calls,
        sum(is_unpriced) AS unpriced_api_calls,
        sum(input) AS input_tokens,
        sum(output) AS output_tokens,
        sum(cached) AS cached_input_tokens,
        sum(created) AS cache_creation_input_tokens,
        sum(reasoning) AS reasoning_tokens,
        sum(is_tool) AS tool_calls,
        sum(is_failed_tool) AS failed_tool_calls,
        ifNull(sum(cost), 0) AS cost_usd_known,
        toInt64(positiveModulo(min(chunk), 1000000000000000)) AS first_chunk_ns,
        groupArrayIf(began, mark != 0) AS starts,
        groupArrayIf(ended, mark != 0) AS ends,
        groupArrayIf(mark, mark != 0) AS marks
    FROM (
        SELECT
            *, target.1 AS run, target.2 AS phase, target.3 AS iteration, target.4 AS is_own,
            phase IS NULL AND iteration IS NULL AS in_whole,
            is_own AND in_whole AS in_own_whole,
            if(is_own AND (phase IS NOT NULL OR iteration IS NOT NULL), own_mark, own_mark % 4)::Int8 AS mark
        FROM filed ARRAY JOIN targets AS target)
    GROUP BY run, phase, iteration),

-- (14) Time: a sweep over the moments at which calls (1), tools (2) and frames start and end. Between two of them the
-- numbers of those that run stay the same. The frames of a phase are its agents (4), that of an iteration is its own span
-- (8), that of a whole run (16) its root, or where that is missing all the time of its spans. What is used often is
-- named a level below: the engine plans a name anew wherever it stands.
swept AS (
    SELECT
        *,
        arraySort(root -> (root.1, root.2, root.3), roots)[1] AS root,
        root.3 != '' AS has_root,
        multiIf(is_phase, 4, is_iteration, 8, 16) AS frame,
        arrayConcat(starts, if(is_whole, [if(has_root, root.1, first_began)], [])) AS all_starts,
        arrayConcat(ends, if(is_whole, [if(has_root, root.4, last_ended)], [])) AS all_ends,
        arrayConcat(marks, if(is_whole, [16], [])) AS all_marks,
        if(spans > most_spans, [], arrayConcat(all_starts, all_ends)) AS moments,
        if(spans > most_spans, [], arrayConcat(all_marks, arrayMap(mark -> -mark, all_marks))) AS turns
    FROM part),
at_once AS (
    SELECT
        *,
        arraySort((turn, moment) -> moment, turns, moments) AS steps,
        arrayPopFront(arrayDifference(arraySort(moments))) AS gaps,
        arrayPopBack(arrayCumSum(step -> (step = 1) - (step = -1), steps)) AS calls,
        arrayPopBack(arrayCumSum(step -> (step = 2) - (step = -2), steps)) AS tools,
        arrayPopBack(arrayCumSum(step -> (step = frame) - (step = -frame), steps)) AS frames
    FROM swept),
timed AS (
    SELECT
        *,
        arraySum((gap, open) -> gap * (open > 0), gaps, frames) AS all_ns,
        arraySum((gap, open, call) -> gap * (open > 0 AND call > 0), gaps, frames, calls) AS llm_ns,
        arraySum((gap, open, call, tool) -> gap * (open > 0 AND call + tool > 0), gaps, frames, calls, tools) AS busy_ns,
        arraySum((gap, open, call, tool) -> gap * (open > 0) * (call + tool), gaps, frames, calls, tools) AS work_ns
    FROM at_once),

-- (12, 13) The counts of each part, in the order of `Counts`. A sum without any known part is unknown, unless nothing was
-- to be added.
counted AS (
    SELECT
        *,
        (
            api_calls, failed_api_calls, cancelled_api_calls, unmeasured_api_calls, unpriced_api_calls,
            if(api_calls = 0, 0, input_tokens), if(api_calls = 0, 0, output_tokens),
            if(api_calls = 0, 0, cached_input_tokens), if(api_calls = 0, 0, cache_creation_input_tokens),
            if(api_calls = 0, 0, reasoning_tokens),
            tool_calls, failed_tool_calls,
            multiIf(
                unpriced_api_calls > 0, NULL,
                api_calls = failed_api_calls + cancelled_api_calls, NULL,
                cost_usd_known),
            cost_usd_known,
            llm_ns, busy_ns - llm_ns, all_ns - busy_ns, work_ns - busy_ns,
            first_chunk_ns
        ) AS counts
    FROM timed),

-- One row a run.
run AS (
    SELECT
        run,
        toInt64(countIf(has(marks, 8))) AS framed,
        toInt64(sumIf(counted.spans, is_whole)) AS spans,
        spans <= most_spans AS judged,
        sumIf(counted.own_spans, is_whole) AS own_spans,
        anyIf(counted.trace_id, is_whole) AS trace_id,
        sumIf(counted.first_began, is_whole) AS first_began,
        sumIf(counted.last_ended, is_whole) AS last_ended,
        toInt64(sumIf(counted.untracked_api_calls, is_whole)) AS untracked_api_calls,
        sumIf(counted.untracked_tokens, is_whole) AS untracked_tokens,
        groupArrayIf(counted.root, is_whole) AS roots,
        groupArrayArrayIf(counted.orphans, is_whole) AS orphans,
        groupArrayArrayIf(counted.models, is_whole) AS models,
        groupArrayIf(counts, is_whole) AS totals,
        groupArrayIf((assumeNotNull(phase), counts), is_phase) AS phases,
        groupArrayIf((assumeNotNull(iteration), counts), is_iteration) AS numbered
    FROM counted
    GROUP BY run
    HAVING own_spans > 0)

SELECT
    run.run AS run_id,
    attribute('nanoagent.run.parent_id') AS parent_run_id,
    if(has_root, root.trace_id, run.trace_id) AS trace_id,
    multiIf(NOT judged, first_began, has_root, root.began, first_began) AS start_time_unix_ns,
    multiIf(NOT judged, last_ended, has_root, root.ended, NULL) AS end_time_unix_ns,
    if(attribute('nanoagent.status') != '', assumeNotNull(attribute('nanoagent.status')), 'running') AS status,
    attribute('nanoagent.stop_reason') AS stop_reason,
    root.error_type AS error_type,
    if(judged, arraySort(run.models), []) AS models,
    iterations,
    if(iterations IS NULL, NULL, ifNull(as_count(attribute('nanoagent.tasks.completed')), 0)) AS tasks_completed,
    if(iterations IS NULL, NULL, ifNull(as_count(attribute('nanoagent.tasks.total')), 0)) AS tasks_total,
    counts.api_calls AS api_calls,
    counts.failed_api_calls AS failed_api_calls,
    counts.cancelled_api_calls AS cancelled_api_calls,
    counts.unmeasured_api_calls AS unmeasured_api_calls,
    counts.unpriced_api_calls AS unpriced_api_calls,
    counts.input_tokens AS input_tokens,
    counts.output_tokens AS output_tokens,
    counts.cached_input_tokens AS cached_input_tokens,
    counts.cache_creation_input_tokens AS cache_creation_input_tokens,
    counts.reasoning_tokens AS reasoning_tokens,
    counts.tool_calls AS tool_calls,
    counts.failed_tool_calls AS failed_tool_calls,
    counts.cost_usd AS cost_usd,
    counts.cost_usd_known AS cost_usd_known,
    counts.llm_ns AS llm_ns,
    counts.tool_ns AS tool_ns,
    counts.other_ns AS other_ns,
    counts.parallel_ns AS parallel_ns,
    counts.first_chunk_ns AS first_chunk_ns,
    if(judged, run.untracked_api_calls, 0) AS untracked_api_calls,
    if(judged, run.untracked_tokens, 0) AS untracked_tokens,
    arraySort(
        row -> (if(row.1 IN ('plan', 'execute', 'reflect'), indexOf(['plan', 'execute', 'reflect'], row.1), 4), row.1),
        if(judged, arrayMap(row -> tupleConcat(tuple(row.1), row.2), phases), []))::Array(Tuple(
        phase String, api_calls Int64, failed_api_calls Int64, cancelled_api_calls Int64, unmeasured_api_calls Int64,
        unpriced_api_calls Int64, input_tokens Nullable(Int64), output_tokens Nullable(Int64),
        cached_input_tokens Nullable(Int64), cache_creation_input_tokens Nullable(Int64),
        reasoning_tokens Nullable(Int64), tool_calls Int64, failed_tool_calls Int64,
        cost_usd Nullable(Decimal(38, 12)), cost_usd_known Decimal(38, 12), llm_ns Int64, tool_ns Int64, other_ns Int64,
        parallel_ns Int64, first_chunk_ns Nullable(Int64))) AS by_phase,
    arraySort(
        row -> row.1, if(judged, arrayMap(row -> tupleConcat(tuple(row.1), row.2), numbered), []))::Array(Tuple(
        iteration Int64, api_calls Int64, failed_api_calls Int64, cancelled_api_calls Int64, unmeasured_api_calls Int64,
        unpriced_api_calls Int64, input_tokens Nullable(Int64), output_tokens Nullable(Int64),
        cached_input_tokens Nullable(Int64), cache_creation_input_tokens Nullable(Int64),
        reasoning_tokens Nullable(Int64), tool_calls Int64, failed_tool_calls Int64,
        cost_usd Nullable(Decimal(38, 12)), cost_usd_known Decimal(38, 12), llm_ns Int64, tool_ns Int64, other_ns Int64,
        parallel_ns Int64, first_chunk_ns Nullable(Int64))) AS by_iteration,
    missing_parents,
    -- (17) The root has its cost as a float, which has fewer digits than a large sum.
    as_count(attribute('nanoagent.spans')) AS expected_spans,
    multiIf(
        NOT judged, NULL,
        missing_parents != [], false,
        said_api_calls IS NULL, NULL,
        (as_count(attribute('nanoagent.iterations')), said_api_calls, as_count(attribute('nanoagent.tool_calls')),
            as_count(attribute('nanoagent.usage.input_tokens')), as_count(attribute('nanoagent.usage.output_tokens')),
            as_usd(attribute('nanoagent.cost.usd')), ifNull(expected_spans, run.spans))
        IS NOT DISTINCT FROM
        (iterations, counts.api_calls, counts.tool_calls, counts.input_tokens, counts.output_tokens,
            as_usd(toString(toFloat64(toString(counts.cost_usd)))), run.spans)) AS complete,
    run.spans::UInt64 AS spans,
    judged,
    1::UInt8 AS schema_version
FROM (
    SELECT
        *,
        root.trace_id != '' AS has_root,
        root.attributes AS SpanAttributes,
        as_count(attribute('nanoagent.api_calls')) AS said_api_calls,
        multiIf(
            NOT judged, NULL,
            NOT has_root, framed,
            root.operation = 'invoke_workflow', framed,
            NULL) AS iterations,
        arraySort(arrayDistinct(arrayMap(orphan -> orphan.2, arrayFilter(
            orphan -> orphan.1 != root.trace_id || root.span_id,
            if(judged, orphans, []))))) AS missing_parents
    FROM (
        SELECT
            *,
            (roots[1])::Tuple(
                began Int64, span_id String, trace_id String, ended Int64, operation Nullable(String),
                error_type Nullable(String), attributes Map(LowCardinality(String), String)) AS root,
            if(judged, totals, [])[1]::Tuple(
                api_calls Int64, failed_api_calls Int64, cancelled_api_calls Int64, unmeasured_api_calls Int64,
                unpriced_api_calls Int64, input_tokens Nullable(Int64), output_tokens Nullable(Int64),
                cached_input_tokens Nullable(Int64), cache_creation_input_tokens Nullable(Int64),
                reasoning_tokens Nullable(Int64), tool_calls Int64, failed_tool_calls Int64,
                cost_usd Nullable(Decimal(38, 12)), cost_usd_known Decimal(38, 12), llm_ns Int64, tool_ns Int64,
                other_ns Int64, parallel_ns Int64, first_chunk_ns Nullable(Int64)) AS counts
        -- In the order of time, and so in few large blocks: a GROUP BY gives many small ones, which take as long each.
        FROM (SELECT * FROM run ORDER BY first_began))) AS run
WHERE start_time_unix_ns >= toUnixTimestamp64Nano(since)
-- Whatever the reader's settings are.
SETTINGS join_use_nulls = 0, aggregate_functions_null_for_empty = 0, prefer_column_name_to_alias = 0;

-- All runs: the query above from 1970 on, word for word. As a view of the view above it would be planned twice as
-- often, which takes longer than it takes to count a few thousand runs. Nobody writes this by hand:
--
--     UPDATE_SNAPSHOTS=1 pytest tests/scale/test_view_text.py

CREATE OR REPLACE VIEW nanoagent_runs AS
WITH RECURSIVE

toDateTime64('1970-01-01 00:00:00', 9, 'UTC') AS since,
100000 AS most_spans,  -- of a run that is judged

key -> arrayElementOrNull(SpanAttributes, key) AS attribute,
text -> if(toString(toUInt64OrNull(text)) = text, toInt64OrNull(text), NULL) AS as_count,
text -> if(length(text) < 10, as_count(text), NULL) AS as_tokens,
text -> if(match(text, '^(-0|(0|[1-9][0-9]*)([.][0-9]+)?(e[+-][0-9]+)?)$'), text, NULL) AS as_amount,
text -> toDecimal128(roundBankers(toDecimal128OrNull(as_amount(text), 29), 12), 12) AS as_usd,
seconds -> if(seconds < 1e6, toInt64(roundBankers(seconds * 1e9)), NULL) AS as_ns,

received AS (
    SELECT *, SpanAttributes.keys AS keys
    FROM otel_traces
    WHERE Timestamp >= since - INTERVAL 1 DAY),

copy AS (
    SELECT
        TraceId, SpanId, ParentSpanId, SpanAttributes,
        toUnixTimestamp64Nano(Timestamp) AS began,
        began + toInt64(Duration) AS said_end,
        greatest(began, said_end) AS ended,
        toInt128(said_end) * 9223372036854775808 + began AS age,
        attribute('nanoagent.run.id') AS run,
        attribute('gen_ai.operation.name') AS operation,
        attribute('nanoagent.phase') AS phase,
        as_count(attribute('nanoagent.iteration')) AS iteration,
        operation = 'execute_tool' AND mapContains(SpanAttributes, 'nanoagent.tool.deferred') AS deferred,
        multiIf(
            run IS NULL, 'of others',
            operation IN ('chat', 'generate_content', 'text_completion'), 'call',
            operation = 'execute_tool' AND NOT deferred, 'tool',
            mapContains(SpanAttributes, 'nanoagent.status') OR operation = 'invoke_workflow', 'root',
            operation IN ('plan', 'invoke_agent'), 'agent',
            iteration IS NULL, 'other',
            operation = 'iteration' OR SpanName = 'iteration' AND (operation IS NULL OR deferred), 'iteration',
            'other') AS kind,
        arrayLast(
            (attributes, name) -> name = 'exception' AND mapContains(attributes, 'exception.type'),
            Events.Attributes, Events.Name)['exception.type'] AS exception,
        multiIf(
            StatusCode != 'Error', NULL,
            attribute('error.type') != '', attribute('error.type'),
            exception != '', exception,
            '_OTHER') AS error_type
    FROM received),

latest AS (
    SELECT SpanId, groupArray((TraceId, latest_age)) AS ages
    FROM (
        SELECT TraceId, SpanId, max(age) AS latest_age
        FROM copy
        WHERE SpanId IN (SELECT SpanId FROM received GROUP BY SpanId HAVING count() > 1)
        GROUP BY TraceId, SpanId
        HAVING min(age) < latest_age)
    GROUP BY SpanId),

root AS (
    SELECT run, argMin((attribute('nanoagent.run.parent_id'), phase, iteration), (began, SpanId, TraceId)) AS outer
    FROM (
        SELECT *
        FROM copy
        WHERE SpanId IN (
            SELECT SpanId
            FROM received
            WHERE attribute('nanoagent.run.id') IN (
                SELECT attribute('nanoagent.run.id')
                FROM received
                WHERE mapContains(SpanAttributes, 'nanoagent.run.parent_id'))
            AND (mapContains(SpanAttributes, 'nanoagent.status') OR has(mapValues(SpanAttributes), 'invoke_workflow')))
        ORDER BY age DESC
        LIMIT 1 BY TraceId, SpanId)
    WHERE kind = 'root'
    GROUP BY run
    HAVING outer.1 IS NOT NULL),

climb AS (
    SELECT assumeNotNull(run) AS run, [(assumeNotNull(outer.1), outer.2, outer.3)] AS way, 1 AS levels
    FROM root
    UNION ALL
    SELECT lower.1 AS run, arrayConcat(lower.2, upper) AS way, levels * 2 AS levels
    FROM (
        SELECT levels, point, groupArrayIf((run, way), ends_here) AS ending, anyIf(way, NOT ends_here) AS upper
        FROM climb ARRAY JOIN [run, way[-1].1] AS point, [false, true] AS ends_here
        WHERE levels < 64
        GROUP BY levels, point)
    ARRAY JOIN ending AS lower),
around AS (
    SELECT
        run, way.1 AS ids,
        arrayFirstIndex((id, level) -> id = run OR indexOf(ids, id) < level, ids, arrayEnumerate(ids)) AS circle,
        if(circle = 0, way, arrayResize(way, circle - 1)) AS outers
    FROM climb
    WHERE levels = 64),

foreign AS (
    SELECT
        TraceId, SpanId, ParentSpanId,
        meaning != 'none' AS is_call,
        is_call AND NOT ifNull(meaning = 'call' AND attribute('logfire.span_type') = 'log', false) AS calls,
        arrayFirst(tokens -> tokens IS NOT NULL, arrayMap(key -> as_tokens(attribute(key)), [
            'gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens', 'llm.usage.prompt_tokens',
            'llm.token_count.prompt', 'ai.usage.inputTokens'])) AS input,
        arrayFirst(tokens -> tokens IS NOT NULL, arrayMap(key -> as_tokens(attribute(key)), [
            'gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens', 'llm.usage.completion_tokens',
            'llm.token_count.completion', 'ai.usage.outputTokens'])) AS output,
        ifNull(input, 0) + ifNull(output, 0) AS tokens
    FROM (
        SELECT
            *,
            multiIf(
                operation IN ('chat', 'generate_content', 'text_completion'), 'call',
                operation IN ('invoke_workflow', 'invoke_agent', 'execute_tool'), 'none',
                attribute('openinference.span.kind') = 'LLM', 'call',
                attribute('openinference.span.kind') IN ('AGENT', 'TOOL'), 'none',
                attribute('traceloop.span.kind') IN ('workflow', 'agent', 'tool'), 'none',
                attribute('llm.request.type') IN ('chat', 'completion'), 'call',
                match(attribute('ai.operationId'), '^ai[.](generateText|generateObject)[.]doGenerate$'), 'call around tools',
                match(attribute('ai.operationId'), '^ai[.](streamText|streamObject)[.]doStream$'), 'call around tools',
                match(attribute('ai.operationId'), '^ai[.](generateText|streamText|generateObject|streamObject|toolCall)$'), 'none',
                attribute('logfire.msg_template') = 'Chat completion with {gen_ai.request.model!r}', 'call',
                attribute('logfire.msg_template') = 'Responses API with {gen_ai.request.model!r}', 'call',
                attribute('logfire.msg_template') IN ('OpenAI Agents trace: {name}', 'Agent run: {name!r}', 'Function: {name}'), 'none',
                attribute('gen_ai.system') = 'gcp.vertex.agent', 'call around tools',
                error_type IS NOT NULL AND mapContains(SpanAttributes, 'pydantic_ai.model_request.attempt'), 'attempt',
                'none') AS meaning
        FROM copy
        WHERE SpanId IN (
            SELECT arrayJoin(ids)
            FROM (
                SELECT TraceId, groupArray(SpanId) AS ids
                FROM received
                WHERE NOT has(keys, 'nanoagent.run.id')
                GROUP BY TraceId
                HAVING countIf(hasAny(keys, [
                    'gen_ai.operation.name', 'openinference.span.kind', 'llm.request.type', 'ai.operationId',
                    'logfire.msg_template', 'gen_ai.system', 'pydantic_ai.model_request.attempt'])) > 0))
        ORDER BY age DESC
        LIMIT 1 BY TraceId, SpanId)
    WHERE run IS NULL),

rise AS (
    SELECT TraceId, SpanId, ParentSpanId AS up, calls, if(is_call, tokens, 0) AS tokens, 1 AS levels
    FROM foreign
    UNION ALL
    SELECT
        TraceId, lower.1 AS SpanId, if(goes_on, upper, point) AS up, lower.2 AS calls, lower.3 AS tokens,
        levels * 2 AS levels
    FROM (
        SELECT
            levels, TraceId, point, groupArrayIf((SpanId, calls, tokens), ends_here) AS ending,
            countIf(NOT ends_here) > 0 AS goes_on, anyIf(up, NOT ends_here) AS upper
        FROM rise ARRAY JOIN [SpanId, up] AS point, [false, true] AS ends_here
        WHERE levels < 64
        GROUP BY levels, TraceId, point)
    ARRAY JOIN ending AS lower),
untracked AS (
    SELECT up AS SpanId, groupArray((TraceId, calls, tokens)) AS below
    FROM rise
    WHERE levels = 64 AND up != ''
    GROUP BY up),

said AS (
    SELECT
        TraceId, SpanId, ParentSpanId, began, ended, age, kind, phase, iteration,
        assumeNotNull(copy.run) AS run,
        kind = 'call' AS is_call,
        kind = 'tool' AS is_tool,
        kind IN ('call', 'tool') AS is_used,
        error_type IS NOT NULL AS has_failed,
        ifNull(error_type = 'asyncio.exceptions.CancelledError', false) AS is_cancelled,
        is_call AND NOT has_failed AS is_answered,
        attribute('gen_ai.response.model') AS answering,
        if(is_call, ifNull(if(answering != '', answering, attribute('gen_ai.request.model')), ''), '') AS model,
        if(is_call, as_tokens(attribute('gen_ai.usage.input_tokens')), NULL) AS input,
        if(is_call, as_tokens(attribute('gen_ai.usage.output_tokens')), NULL) AS output,
        if(is_call, as_tokens(attribute('gen_ai.usage.cache_read.input_tokens')), NULL) AS cached,
        if(is_call, as_tokens(attribute('gen_ai.usage.cache_creation.input_tokens')), NULL) AS created,
        if(is_call, as_tokens(attribute('gen_ai.usage.reasoning.output_tokens')), NULL) AS reasoning,
        if(is_call, as_usd(attribute('operation.cost')), NULL) AS cost,
        if(is_call, as_ns(toFloat64OrNull(as_amount(attribute('gen_ai.response.time_to_first_chunk')))), NULL) AS chunk_ns,
        is_call AND has_failed AND NOT is_cancelled AS is_failed_call,
        is_call AND is_cancelled AS is_cancelled_call,
        is_answered AND (input IS NULL OR output IS NULL) AS is_unmeasured,
        is_answered AND cost IS NULL AS is_unpriced,
        is_tool AND has_failed AS is_failed_tool,
        phase IS NOT NULL AND own_mark IN (1, 2, 4) AS has_phase,
        iteration IS NOT NULL AND own_mark IN (1, 2, 8) AS has_iteration,
        toInt128(began) * 1000000000000000 + chunk_ns AS chunk,  -- smallest where the call began first; none has 10^15 ns
        transform(kind, ['call', 'tool', 'agent', 'iteration'], [1, 2, 4, 8], 0)::Int8 AS own_mark,
        if(kind = 'root', [(began, SpanId, TraceId, ended, operation, error_type, SpanAttributes)], []) AS own_roots
    FROM copy),

span AS (
    SELECT *
    FROM said LEFT ANY JOIN latest USING (SpanId)
    WHERE arrayAll(last -> last.1 != TraceId OR last.2 = age, ages)
    LIMIT 1 BY TraceId, SpanId),

filed AS (
    SELECT
        * EXCEPT (run, phase, iteration),
        ParentSpanId != '' AND TraceId || ParentSpanId NOT IN (
            SELECT TraceId || SpanId FROM received) AS parent_is_missing,
        arrayFilter(call -> call.1 = TraceId, below) AS untracked,
        arraySum(call -> call.2, untracked) AS untracked_calls,
        arraySum(call -> call.3, untracked) AS span_untracked_tokens,
        if(parent_is_missing, [(TraceId || SpanId, ParentSpanId)], []) AS orphans,
        CAST(NULL, 'Nullable(String)') AS no_phase,
        CAST(NULL, 'Nullable(Int64)') AS no_iteration,
        (span.run, no_phase, no_iteration, true) AS in_run,
        (span.run, phase, no_iteration, true) AS in_phase,
        (span.run, no_phase, iteration, true) AS in_iteration,
        multiIf(
            has_phase AND has_iteration, [in_run, in_phase, in_iteration],
            has_phase, [in_run, in_phase],
            has_iteration, [in_run, in_iteration],
            [in_run]) AS own_targets,
        if(empty(outers), own_targets, arrayConcat(
            own_targets,
            arrayMap(outer -> (outer.1, no_phase, no_iteration, false), outers),
            arrayMap(outer -> (outer.1, outer.2, no_iteration, false),
                arrayFilter(outer -> is_used AND outer.2 IS NOT NULL, outers)),
            arrayMap(outer -> (outer.1, no_phase, outer.3, false),
                arrayFilter(outer -> is_used AND outer.3 IS NOT NULL, outers))
        )) AS targets
    FROM span LEFT ANY JOIN around ON around.run = span.run LEFT ANY JOIN untracked USING (SpanId)
    WHERE kind != 'of others'),

part AS (
    SELECT
        run, phase, iteration,
        phase IS NOT NULL AS is_phase,
        iteration IS NOT NULL AS is_iteration,
        NOT is_phase AND NOT is_iteration AS is_whole,
        count() AS spans,
        countIf(in_own_whole) AS own_spans,
        minIf(TraceId, in_own_whole) AS trace_id,
        minIf(began, in_own_whole) AS first_began,
        maxIf(ended, in_own_whole) AS last_ended,
        sum(untracked_calls) AS untracked_api_calls,
        sum(span_untracked_tokens) AS untracked_tokens,
        groupArrayArrayIf(own_roots, in_own_whole) AS roots,
        groupArrayArrayIf(orphans, in_whole) AS orphans,
        groupUniqArrayIf(model, in_whole AND model != '') AS models,
        sum(is_call) AS api_calls,
        sum(is_failed_call) AS failed_api_calls,
        sum(is_cancelled_call) AS cancelled_api_calls,
        sum(is_unmeasured) AS unmeasured_api_calls,
        sum(is_unpriced) AS unpriced_api_calls,
        sum(input) AS input_tokens,
        sum(output) AS output_tokens,
        sum(cached) AS cached_input_tokens,
        sum(created) AS cache_creation_input_tokens,
        sum(reasoning) AS reasoning_tokens,
        sum(is_tool) AS tool_calls,
        sum(is_failed_tool) AS failed_tool_calls,
        ifNull(sum(cost), 0) AS cost_usd_known,
        toInt64(positiveModulo(min(chunk), 1000000000000000)) AS first_chunk_ns,
        groupArrayIf(began, mark != 0) AS starts,
        groupArrayIf(ended, mark != 0) AS ends,
        groupArrayIf(mark, mark != 0) AS marks
    FROM (
        SELECT
            *, target.1 AS run, target.2 AS phase, target.3 AS iteration, target.4 AS is_own,
            phase IS NULL AND iteration IS NULL AS in_whole,
            is_own AND in_whole AS in_own_whole,
            if(is_own AND (phase IS NOT NULL OR iteration IS NOT NULL), own_mark, own_mark % 4)::Int8 AS mark
        FROM filed ARRAY JOIN targets AS target)
    GROUP BY run, phase, iteration),

swept AS (
    SELECT
        *,
        arraySort(root -> (root.1, root.2, root.3), roots)[1] AS root,
        root.3 != '' AS has_root,
        multiIf(is_phase, 4, is_iteration, 8, 16) AS frame,
        arrayConcat(starts, if(is_whole, [if(has_root, root.1, first_began)], [])) AS all_starts,
        arrayConcat(ends, if(is_whole, [if(has_root, root.4, last_ended)], [])) AS all_ends,
        arrayConcat(marks, if(is_whole, [16], [])) AS all_marks,
        if(spans > most_spans, [], arrayConcat(all_starts, all_ends)) AS moments,
        if(spans > most_spans, [], arrayConcat(all_marks, arrayMap(mark -> -mark, all_marks))) AS turns
    FROM part),
at_once AS (
    SELECT
        *,
        arraySort((turn, moment) -> moment, turns, moments) AS steps,
        arrayPopFront(arrayDifference(arraySort(moments))) AS gaps,
        arrayPopBack(arrayCumSum(step -> (step = 1) - (step = -1), steps)) AS calls,
        arrayPopBack(arrayCumSum(step -> (step = 2) - (step = -2), steps)) AS tools,
        arrayPopBack(arrayCumSum(step -> (step = frame) - (step = -frame), steps)) AS frames
    FROM swept),
timed AS (
    SELECT
        *,
        arraySum((gap, open) -> gap * (open > 0), gaps, frames) AS all_ns,
        arraySum((gap, open, call) -> gap * (open > 0 AND call > 0), gaps, frames, calls) AS llm_ns,
        arraySum((gap, open, call, tool) -> gap * (open > 0 AND call + tool > 0), gaps, frames, calls, tools) AS busy_ns,
        arraySum((gap, open, call, tool) -> gap * (open > 0) * (call + tool), gaps, frames, calls, tools) AS work_ns
    FROM at_once),

counted AS (
    SELECT
        *,
        (
            api_calls, failed_api_calls, cancelled_api_calls, unmeasured_api_calls, unpriced_api_calls,
            if(api_calls = 0, 0, input_tokens), if(api_calls = 0, 0, output_tokens),
            if(api_calls = 0, 0, cached_input_tokens), if(api_calls = 0, 0, cache_creation_input_tokens),
            if(api_calls = 0, 0, reasoning_tokens),
            tool_calls, failed_tool_calls,
            multiIf(
                unpriced_api_calls > 0, NULL,
                api_calls = failed_api_calls + cancelled_api_calls, NULL,
                cost_usd_known),
            cost_usd_known,
            llm_ns, busy_ns - llm_ns, all_ns - busy_ns, work_ns - busy_ns,
            first_chunk_ns
        ) AS counts
    FROM timed),

run AS (
    SELECT
        run,
        toInt64(countIf(has(marks, 8))) AS framed,
        toInt64(sumIf(counted.spans, is_whole)) AS spans,
        spans <= most_spans AS judged,
        sumIf(counted.own_spans, is_whole) AS own_spans,
        anyIf(counted.trace_id, is_whole) AS trace_id,
        sumIf(counted.first_began, is_whole) AS first_began,
        sumIf(counted.last_ended, is_whole) AS last_ended,
        toInt64(sumIf(counted.untracked_api_calls, is_whole)) AS untracked_api_calls,
        sumIf(counted.untracked_tokens, is_whole) AS untracked_tokens,
        groupArrayIf(counted.root, is_whole) AS roots,
        groupArrayArrayIf(counted.orphans, is_whole) AS orphans,
        groupArrayArrayIf(counted.models, is_whole) AS models,
        groupArrayIf(counts, is_whole) AS totals,
        groupArrayIf((assumeNotNull(phase), counts), is_phase) AS phases,
        groupArrayIf((assumeNotNull(iteration), counts), is_iteration) AS numbered
    FROM counted
    GROUP BY run
    HAVING own_spans > 0)

SELECT
    run.run AS run_id,
    attribute('nanoagent.run.parent_id') AS parent_run_id,
    if(has_root, root.trace_id, run.trace_id) AS trace_id,
    multiIf(NOT judged, first_began, has_root, root.began, first_began) AS start_time_unix_ns,
    multiIf(NOT judged, last_ended, has_root, root.ended, NULL) AS end_time_unix_ns,
    if(attribute('nanoagent.status') != '', assumeNotNull(attribute('nanoagent.status')), 'running') AS status,
    attribute('nanoagent.stop_reason') AS stop_reason,
    root.error_type AS error_type,
    if(judged, arraySort(run.models), []) AS models,
    iterations,
    if(iterations IS NULL, NULL, ifNull(as_count(attribute('nanoagent.tasks.completed')), 0)) AS tasks_completed,
    if(iterations IS NULL, NULL, ifNull(as_count(attribute('nanoagent.tasks.total')), 0)) AS tasks_total,
    counts.api_calls AS api_calls,
    counts.failed_api_calls AS failed_api_calls,
    counts.cancelled_api_calls AS cancelled_api_calls,
    counts.unmeasured_api_calls AS unmeasured_api_calls,
    counts.unpriced_api_calls AS unpriced_api_calls,
    counts.input_tokens AS input_tokens,
    counts.output_tokens AS output_tokens,
    counts.cached_input_tokens AS cached_input_tokens,
    counts.cache_creation_input_tokens AS cache_creation_input_tokens,
    counts.reasoning_tokens AS reasoning_tokens,
    counts.tool_calls AS tool_calls,
    counts.failed_tool_calls AS failed_tool_calls,
    counts.cost_usd AS cost_usd,
    counts.cost_usd_known AS cost_usd_known,
    counts.llm_ns AS llm_ns,
    counts.tool_ns AS tool_ns,
    counts.other_ns AS other_ns,
    counts.parallel_ns AS parallel_ns,
    counts.first_chunk_ns AS first_chunk_ns,
    if(judged, run.untracked_api_calls, 0) AS untracked_api_calls,
    if(judged, run.untracked_tokens, 0) AS untracked_tokens,
    arraySort(
        row -> (if(row.1 IN ('plan', 'execute', 'reflect'), indexOf(['plan', 'execute', 'reflect'], row.1), 4), row.1),
        if(judged, arrayMap(row -> tupleConcat(tuple(row.1), row.2), phases), []))::Array(Tuple(
        phase String, api_calls Int64, failed_api_calls Int64, cancelled_api_calls Int64, unmeasured_api_calls Int64,
        unpriced_api_calls Int64, input_tokens Nullable(Int64), output_tokens Nullable(Int64),
        cached_input_tokens Nullable(Int64), cache_creation_input_tokens Nullable(Int64),
        reasoning_tokens Nullable(Int64), tool_calls Int64, failed_tool_calls Int64,
        cost_usd Nullable(Decimal(38, 12)), cost_usd_known Decimal(38, 12), llm_ns Int64, tool_ns Int64, other_ns Int64,
        parallel_ns Int64, first_chunk_ns Nullable(Int64))) AS by_phase,
    arraySort(
        row -> row.1, if(judged, arrayMap(row -> tupleConcat(tuple(row.1), row.2), numbered), []))::Array(Tuple(
        iteration Int64, api_calls Int64, failed_api_calls Int64, cancelled_api_calls Int64, unmeasured_api_calls Int64,
        unpriced_api_calls Int64, input_tokens Nullable(Int64), output_tokens Nullable(Int64),
        cached_input_tokens Nullable(Int64), cache_creation_input_tokens Nullable(Int64),
        reasoning_tokens Nullable(Int64), tool_calls Int64, failed_tool_calls Int64,
        cost_usd Nullable(Decimal(38, 12)), cost_usd_known Decimal(38, 12), llm_ns Int64, tool_ns Int64, other_ns Int64,
        parallel_ns Int64, first_chunk_ns Nullable(Int64))) AS by_iteration,
    missing_parents,
    as_count(attribute('nanoagent.spans')) AS expected_spans,
    multiIf(
        NOT judged, NULL,
        missing_parents != [], false,
        said_api_calls IS NULL, NULL,
        (as_count(attribute('nanoagent.iterations')), said_api_calls, as_count(attribute('nanoagent.tool_calls')),
            as_count(attribute('nanoagent.usage.input_tokens')), as_count(attribute('nanoagent.usage.output_tokens')),
            as_usd(attribute('nanoagent.cost.usd')), ifNull(expected_spans, run.spans))
        IS NOT DISTINCT FROM
        (iterations, counts.api_calls, counts.tool_calls, counts.input_tokens, counts.output_tokens,
            as_usd(toString(toFloat64(toString(counts.cost_usd)))), run.spans)) AS complete,
    run.spans::UInt64 AS spans,
    judged,
    1::UInt8 AS schema_version
FROM (
    SELECT
        *,
        root.trace_id != '' AS has_root,
        root.attributes AS SpanAttributes,
        as_count(attribute('nanoagent.api_calls')) AS said_api_calls,
        multiIf(
            NOT judged, NULL,
            NOT has_root, framed,
            root.operation = 'invoke_workflow', framed,
            NULL) AS iterations,
        arraySort(arrayDistinct(arrayMap(orphan -> orphan.2, arrayFilter(
            orphan -> orphan.1 != root.trace_id || root.span_id,
            if(judged, orphans, []))))) AS missing_parents
    FROM (
        SELECT
            *,
            (roots[1])::Tuple(
                began Int64, span_id String, trace_id String, ended Int64, operation Nullable(String),
                error_type Nullable(String), attributes Map(LowCardinality(String), String)) AS root,
            if(judged, totals, [])[1]::Tuple(
                api_calls Int64, failed_api_calls Int64, cancelled_api_calls Int64, unmeasured_api_calls Int64,
                unpriced_api_calls Int64, input_tokens Nullable(Int64), output_tokens Nullable(Int64),
                cached_input_tokens Nullable(Int64), cache_creation_input_tokens Nullable(Int64),
                reasoning_tokens Nullable(Int64), tool_calls Int64, failed_tool_calls Int64,
                cost_usd Nullable(Decimal(38, 12)), cost_usd_known Decimal(38, 12), llm_ns Int64, tool_ns Int64,
                other_ns Int64, parallel_ns Int64, first_chunk_ns Nullable(Int64)) AS counts
        FROM (SELECT * FROM run ORDER BY first_began))) AS run
WHERE start_time_unix_ns >= toUnixTimestamp64Nano(since)
SETTINGS join_use_nulls = 0, aggregate_functions_null_for_empty = 0, prefer_column_name_to_alias = 0;
