"""The rows on runs: how they end, how near to their limits, and what their time is spent on."""

from deploy.grafana.panels import Panel, figure, jaeger_monitor, jaeger_search, lines, shades
from deploy.grafana.queries import FAILED_CALL, FAILED_STATUS, increase, limit, quantile, selected, share, spread, total


def now_row() -> list[Panel]:
    """How it was in the whole time range."""
    runs = "nanoagent_runs_total"
    return [
        figure("Runs", "short", "Outermost runs that ended in the time range.", f"round({total(runs)})"),
        figure(
            "Failed runs",
            "percentunit",
            "Runs that ended `failed`, as a share of all that ended in the time range.",
            f"({total(runs, FAILED_STATUS)} or vector(0)) / ({total(runs)} > 0)",
        ),
        figure(
            "Cost",
            "currencyUSD",
            "Price of all model calls of the time range. Calls without a price are not in it; they have a panel below.",
            total("nanoagent_cost_usd_total"),
        ),
        figure(
            "p95 duration",
            "s",
            "One in twenty runs of the time range took longer.",
            "histogram_quantile(0.95, sum by (le) (increase("
            f"{selected('nanoagent_run_duration_seconds_bucket')}[$__range])))",
        ),
        figure("Open runs", "short", "Runs that go on now.", f"sum({selected('nanoagent_runs_open')})"),
        figure(
            "Alerts",
            "short",
            "Alerts that fire now. Prometheus lists them at http://localhost:9090/alerts.",
            'count(ALERTS{alertname=~"Nanoagent.+", alertstate="firing"}) or vector(0)',
        ),
    ]


def runs_row() -> list[Panel]:
    """How runs end, and how near to their limits."""
    runs = "nanoagent_runs_total"
    by_status = jaeger_search("These runs in Jaeger", **{"nanoagent.status": "${__field.labels.nanoagent_status}"})
    by_reason = jaeger_search(
        "Those of this stop reason", **{"nanoagent.stop_reason": "${__field.labels.nanoagent_stop_reason}"}
    )
    of_error = jaeger_search("These runs in Jaeger", **{"error.type": "${__field.labels.error_type}"})
    return [
        lines(
            "Runs by status and stop reason",
            "short",
            "Outermost runs that ended, by how and why. Runs of an agent alone have no stop reason.",
            (
                increase(runs, "nanoagent_status", "nanoagent_stop_reason"),
                "{{nanoagent_status}} {{nanoagent_stop_reason}}",
            ),
            stacked=True,
            links=(by_status, by_reason),
        ),
        lines(
            "Failed runs, of all",
            "percentunit",
            "Runs that ended `failed` as a share of all that ended in the last 15 minutes, and the alert's limit. Of "
            "all versions.",
            ('job:nanoagent_runs_failed:ratio_rate15m{job=~"$job"}', "{{job}}"),
            limit("failed_runs"),
            links=(jaeger_search("Failed runs in Jaeger", **{"nanoagent.status": "failed"}),),
        ),
        lines(
            "Runs by error",
            "short",
            "Runs that ended with an error, or were cancelled, by its type.",
            (increase(runs, "error_type", only=FAILED_CALL), "{{error_type}}"),
            stacked=True,
            links=(of_error,),
        ),
        lines(
            "Duration of runs",
            "s",
            "Median and 95th percentile of outermost runs, and the alert's limit.",
            *spread("nanoagent_run_duration_seconds"),
            limit("p95_seconds"),
            links=(jaeger_search("Runs of this time in Jaeger"),),
        ),
        shades(
            "Iterations of runs",
            "short",
            "How many iterations runs took. A band that moves up is a prompt or a model that needs more of them.",
            increase("nanoagent_run_iterations_bucket", "le"),
        ),
        lines(
            "Budgets used",
            "percentunit",
            "95th percentile of the share of a limit that runs used, of those that have the limit: 100 % has nothing "
            "left. What is missing to 100 % is the headroom.",
            (quantile(0.95, "nanoagent_run_budget_usage", "nanoagent_budget"), "{{nanoagent_budget}}"),
            maximum=1,
        ),
        lines(
            "Runs near their last iteration",
            "percentunit",
            "Runs of the last hour that used more than 90 % of their iterations, as a share of all, and the alert's "
            "limit. Of all versions.",
            ('job:nanoagent_runs_near_iteration_limit:ratio_rate1h{job=~"$job"}', "{{job}}"),
            limit("runs_near_iteration_limit"),
        ),
        lines(
            "Budgets passed while running",
            "short",
            "Runs that a guard warned of or stopped while they were running, by the budget that they passed.",
            (
                increase("nanoagent_budgets_passed_total", "nanoagent_budget", "nanoagent_action"),
                "{{nanoagent_budget}} {{nanoagent_action}}",
            ),
            stacked=True,
        ),
        lines(
            "Runs that go on",
            "short",
            "Runs that have begun and not ended. One that only rises is a run that hangs.",
            (f"sum by (job) ({selected('nanoagent_runs_open')})", "{{job}}"),
        ),
    ]


def time_row() -> list[Panel]:
    """What time is spent on."""
    run, phase = "nanoagent_run_time_seconds_total", "nanoagent_phase_time_seconds_total"
    agent = "gen_ai_invoke_agent_duration_seconds"
    return [
        lines(
            "Where the time goes",
            "percentunit",
            "Time of runs in model calls (llm), in tools outside of them, and in neither (other).",
            (share(run, "nanoagent_time"), "{{nanoagent_time}}"),
            stacked=True,
            maximum=1,
            links=(jaeger_monitor("Jaeger's Monitor tab"),),
        ),
        lines(
            "Time by phase",
            "percentunit",
            "Time of planning, executing and reflecting, and what each spent it on, as a share of all.",
            (share(phase, "nanoagent_phase", "nanoagent_time"), "{{nanoagent_phase}} {{nanoagent_time}}"),
            stacked=True,
            maximum=1,
        ),
        lines(
            "Duration of agents",
            "s",
            "95th percentile of what an agent took each time it was asked.",
            (quantile(0.95, agent, "gen_ai_agent_name"), "{{gen_ai_agent_name}}"),
            links=(jaeger_monitor("Jaeger's Monitor tab"),),
        ),
    ]
