"""The rows on what runs are made of, model calls and tool calls: their price, number, failures and duration."""

from deploy.grafana.panels import Panel, jaeger_search, lines
from deploy.grafana.queries import FAILED_CALL, increase, limit, quantile, rate, selected, spread


def spending_row() -> list[Panel]:
    """What is spent: money and tokens."""
    cost, tokens = "nanoagent_cost_usd_total", "gen_ai_client_token_usage_sum"
    model, phase = "gen_ai_request_model", "nanoagent_phase"
    of_model = jaeger_search(
        "Calls of this model in Jaeger", **{"gen_ai.request.model": "${__field.labels.gen_ai_request_model}"}
    )
    versions = ("service_version", "gen_ai_agent_version")
    panels: list[Panel] = [
        lines(
            f"Cost by {what}",
            "currencyUSD",
            f"Dollars an hour at the present rate, by {what}. Calls without a price are not in it.",
            (f"{rate(cost, *by)} * 3600", name),
            stacked=True,
            links=links,
        )
        for what, by, name, links in (
            ("model", (model,), "{{gen_ai_request_model}}", (of_model,)),
            ("phase", (phase,), "{{nanoagent_phase}}", ()),
            ("version", versions, "{{service_version}} {{gen_ai_agent_version}}", ()),
        )
    ]
    panels += [
        lines(
            f"Tokens by {what}",
            "short",
            f"Input and output tokens a minute, by {what}. Calls that do not say theirs are not in it.",
            (f"{rate(tokens, *by, 'gen_ai_token_type')} * 60", f"{name} {{{{gen_ai_token_type}}}}"),
            stacked=True,
        )
        for what, by, name in (
            ("model", (model,), "{{gen_ai_request_model}}"),
            ("phase", (phase,), "{{nanoagent_phase}}"),
            ("version", versions, "{{service_version}} {{gen_ai_agent_version}}"),
        )
    ]
    return [
        *panels,
        lines(
            "Cost within an hour",
            "currencyUSD",
            "Price of the model calls of the last hour, and the alert's limit. Of all versions.",
            ('job:nanoagent_cost_usd:increase1h{job=~"$job"}', "{{job}}"),
            limit("cost_usd_per_hour"),
        ),
        lines(
            "Cost of a run",
            "currencyUSD",
            "Median and 95th percentile of runs whose every answered call has a price.",
            *spread("nanoagent_run_cost_usd"),
        ),
        lines(
            "Tokens of a run",
            "short",
            "Median and 95th percentile of input plus output tokens.",
            *spread("nanoagent_run_tokens"),
        ),
    ]


def calls_row() -> list[Panel]:
    """Model calls and tool calls."""
    call, tool = "gen_ai_client_operation_duration_seconds", "gen_ai_execute_tool_duration_seconds"
    model = "gen_ai_request_model"
    failed_calls = jaeger_search(
        "These calls in Jaeger",
        **{
            "gen_ai.request.model": "${__field.labels.gen_ai_request_model}",
            "error.type": "${__field.labels.error_type}",
        },
    )
    failed_tools = jaeger_search(
        "These calls in Jaeger",
        # A span that is named `unknown` has the name that the model invented as its tool's.
        operation="execute_tool ${__field.labels.gen_ai_tool_name}",
        **{"error.type": "${__field.labels.error_type}"},
    )
    return [
        lines(
            "Model calls",
            "cpm",
            "Calls a minute, failed and cancelled ones too, by model.",
            (f"{rate(f'{call}_count', model)} * 60", "{{gen_ai_request_model}}"),
            stacked=True,
        ),
        lines(
            "Failed model calls",
            "cpm",
            "Calls a minute that ended with an error or were cancelled, by model and type of error.",
            (
                f"{rate(f'{call}_count', model, 'error_type', only=FAILED_CALL)} * 60",
                "{{gen_ai_request_model}} {{error_type}}",
            ),
            stacked=True,
            links=(failed_calls,),
        ),
        lines(
            "Duration of model calls",
            "s",
            "Median and 95th percentile, by model.",
            *spread(call, model, of="{{gen_ai_request_model}}"),
        ),
        lines(
            "Tool calls",
            "cpm",
            "Calls a minute, failed ones too, by tool. A name that a model invented counts as `unknown`.",
            (f"{rate(f'{tool}_count', 'gen_ai_tool_name')} * 60", "{{gen_ai_tool_name}}"),
            stacked=True,
        ),
        lines(
            "Failed tool calls",
            "cpm",
            "Calls a minute that ended with an error, by tool and type of error.",
            (
                f"{rate(f'{tool}_count', 'gen_ai_tool_name', 'error_type', only=FAILED_CALL)} * 60",
                "{{gen_ai_tool_name}} {{error_type}}",
            ),
            stacked=True,
            links=(failed_tools,),
        ),
        lines(
            "Duration of tool calls",
            "s",
            "95th percentile, by tool.",
            (quantile(0.95, tool, "gen_ai_tool_name"), "{{gen_ai_tool_name}}"),
        ),
        lines(
            "Model calls of a run",
            "short",
            "Median and 95th percentile.",
            *spread("nanoagent_run_api_calls"),
        ),
        lines(
            "Tool calls of a run",
            "short",
            "Median and 95th percentile.",
            *spread("nanoagent_run_tool_calls"),
        ),
        lines(
            "Failed model calls, of all",
            "percentunit",
            "Calls of the last 15 minutes that failed, cancelled ones not, as a share of all, and the alert's limit. "
            "Of all versions.",
            ('job:nanoagent_calls_failed:ratio_rate15m{job=~"$job"}', "{{job}}"),
            limit("failed_calls"),
        ),
    ]


def telemetry_row() -> list[Panel]:
    """Whether the numbers above can be trusted."""
    model = "gen_ai_request_model"
    return [
        lines(
            "Calls without a price or tokens",
            "short",
            "Answered calls whose price, or whose input or output tokens, are unknown: the sums above are then lower "
            "bounds.",
            (increase("nanoagent_unpriced_api_calls_total", model), "{{gen_ai_request_model}} unpriced"),
            (increase("nanoagent_unmeasured_api_calls_total", model), "{{gen_ai_request_model}} unmeasured"),
            stacked=True,
        ),
        lines(
            "Spans by what became of them",
            "short",
            "Dropped ones are lost; spooled ones lie on disk until `nanoagent resend`; those sampled out were meant to "
            "be. The metrics count all of them.",
            (
                increase("nanoagent_spans_total", "nanoagent_destination", "nanoagent_outcome"),
                "{{nanoagent_destination}} {{nanoagent_outcome}}",
            ),
            stacked=True,
        ),
        lines(
            "Spans on their way",
            "short",
            "Spans that have ended and not arrived. More and more of them: the destination is slow or down. Those held "
            "wait until it is known whether their run is kept.",
            (
                f"sum by (nanoagent_destination) ({selected('nanoagent_spans_pending')})",
                "{{nanoagent_destination}}",
            ),
            (f"sum({selected('nanoagent_spans_held')})", "held"),
        ),
        lines(
            "What is not counted",
            "short",
            "Runs that were given up because they were open for too long or too many at once, and spans and runs that "
            "were counted and are in no metric.",
            (increase("nanoagent_runs_evicted_total"), "runs evicted"),
            (increase("nanoagent_unrecorded_total"), "unrecorded"),
        ),
        lines(
            "Runs let go undecided",
            "short",
            "With `NANOAGENT_KEEP`: runs whose spans were let go before it was known whether to keep them, because too "
            "many waited, or one for too long.",
            (increase("nanoagent_runs_undecided_total"), "runs undecided"),
        ),
        lines(
            "Workers that answer",
            "short",
            "Targets that answered when Prometheus asked them.",
            ('sum by (job) (up{job=~"$job"})', "{{job}}"),
        ),
    ]
