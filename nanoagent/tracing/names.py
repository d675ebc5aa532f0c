"""Every span name, event name and attribute key that nanoagent emits, each with when it is set.

`gen_ai.*` follows the OpenTelemetry GenAI semantic conventions, v1.41
(https://opentelemetry.io/docs/specs/semconv/gen-ai/); what they lack lives under `nanoagent.`.
This module imports nothing, so that whoever reads traces can use the names without loading an agent.
"""

from typing import Final

SCOPE_NAME: Final = "nanoagent"
"""Name of the tracer (instrumentation scope) of every span of ours."""
SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.41.0"
"""On the tracer: the version of the conventions that the names below are from."""

# -- span names: constant, low in number; indexes and ids are attributes ------------------------------------------

ROOT_SPAN: Final = "invoke_workflow nanoagent"
"""One per run; the parent of everything the run does."""
ITERATION_SPAN: Final = "iteration"
"""One per executed task, under the root."""
BENCHMARK_SPAN: Final = "benchmark goal"
"""Only in benchmark runs: the trace's root, above the run."""
SCORE_SPAN: Final = "score"
"""One per score, alone in its trace."""
UNKNOWN_TOOL: Final = "unknown"
"""Stands for a tool name that the model invented, in span names and metric labels."""

# -- values of gen_ai.operation.name --------------------------------------------------------------------------------

OP_WORKFLOW: Final = "invoke_workflow"
"""The run's root."""
OP_PLAN: Final = "plan"
"""The task planner; from the conventions' text after v1.41."""
OP_AGENT: Final = "invoke_agent"
"""An executor or a reflector at work."""
OP_CHAT: Final = "chat"
"""One request to a model, answered, failed or cancelled."""
OP_TOOL: Final = "execute_tool"
"""One tool call that the model asked for, also one that could not be made."""
INFERENCE_OPERATIONS: Final = (OP_CHAT, "generate_content", "text_completion")
"""What the conventions call a model call; ours are all `chat`."""

# -- attributes of the GenAI conventions ----------------------------------------------------------------------------

OPERATION_NAME: Final = "gen_ai.operation.name"
"""On every span of ours but iterations and the benchmark's, at start."""
PROVIDER_NAME: Final = "gen_ai.provider.name"
"""On chat spans, at start: the model's `system`."""
REQUEST_MODEL: Final = "gen_ai.request.model"
"""On chat spans, at start."""
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
"""On chat spans, at start, when the request set it; the seven below likewise."""
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
REQUEST_TOP_K: Final = "gen_ai.request.top_k"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
RESPONSE_MODEL: Final = "gen_ai.response.model"
"""On chat spans, at the end of an answered call: the model that answered, often a dated name."""
RESPONSE_ID: Final = "gen_ai.response.id"
"""On chat spans, at the end, when the provider gave one."""
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
"""On chat spans, at the end, when the provider gave one."""
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
"""On chat spans of streams, at the end, when a chunk came: seconds from the request to the first one, as a double."""
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
"""On chat spans alone, at the end, when the provider said: all input tokens, cached ones included."""
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
"""On chat spans alone, at the end, when the provider said: all output tokens, reasoning included."""
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
"""On chat spans, at the end, with the input tokens, which it is a part of."""
CACHE_CREATION_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
"""On chat spans, at the end, with the input tokens, which it is a part of."""
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
"""On chat spans, at the end, with the output tokens, which it is a part of."""
AGENT_NAME: Final = "gen_ai.agent.name"
"""On plan, invoke_agent and chat spans, at start: task_planner, executor, reflector, or the name of a user's agent."""
AGENT_VERSION: Final = "gen_ai.agent.version"
"""On the root, at start, when the caller gave one."""
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
"""On the root, at start: `nanoagent`."""
TOOL_NAME: Final = "gen_ai.tool.name"
"""On execute_tool spans, at start; an invented name is shortened."""
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
"""On execute_tool spans, at start, when the model gave one."""
TOOL_TYPE: Final = "gen_ai.tool.type"
"""On execute_tool spans, at start: `function`."""
DEFERRED: Final = "nanoagent.tool.deferred"
"""True on execute_tool spans, at the end, of a tool that asked for an approval or for a result from outside."""
TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
"""On execute_tool spans of known tools, at start, shortened."""
INPUT_MESSAGES: Final = "gen_ai.input.messages"
"""On chat spans, at start, with content: the messages that no earlier chat of the same agent run shows; absent when
there are none. On the root, at start, with content: the goal, or what an agent was asked."""
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
"""On chat spans, at the end, with content, when an answer came, as far as it came. On the root, at the end, with
content: the run's answer."""
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
"""On chat spans, at start, with content: on the first one of an agent run, and on each whose instructions are others
than before."""
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
"""On execute_tool spans, at start, with content: also those that were refused."""
TOOL_RESULT: Final = "gen_ai.tool.call.result"
"""On execute_tool spans, at the end, with content, when the tool returned."""
EVALUATION_EVENT: Final = "gen_ai.evaluation.result"
"""Event: the reflector's verdict on its span, the benchmark's on the benchmark goal, a user's on a score."""
EVALUATION_NAME: Final = "gen_ai.evaluation.name"
"""On evaluation events: what was judged."""
EVALUATION_LABEL: Final = "gen_ai.evaluation.score.label"
"""On evaluation events: the verdict as a word."""
EVALUATION_VALUE: Final = "gen_ai.evaluation.score.value"
"""On evaluation events: the verdict as a number, 1.0 for yes and 0.0 for no."""
EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"
"""On a score's evaluation event, when one was given."""

# -- other conventions ----------------------------------------------------------------------------------------------

ERROR_TYPE: Final = "error.type"
"""Where something failed, at the end: the exception's qualified class name."""
EXCEPTION_EVENT: Final = "exception"
"""Event: an exception, once, on the span where it happened."""
EXCEPTION_TYPE: Final = "exception.type"
"""On exception events. The stack trace stays out."""
EXCEPTION_MESSAGE: Final = "exception.message"
"""On exception events, with content, when the exception says anything."""
SERVER_ADDRESS: Final = "server.address"
"""On chat spans, at start, when the model has a base URL."""
SERVER_PORT: Final = "server.port"
"""On chat spans, at start, when the base URL names or implies one."""
OPERATION_COST: Final = "operation.cost"
"""On chat spans, at the end, when the price is known: USD, as pydantic-ai and Logfire name it."""

# -- our own: on every span of a run, at start ----------------------------------------------------------------------

RUN_ID: Final = "nanoagent.run.id"
"""On every span of ours, the root included."""
PARENT_RUN_ID: Final = "nanoagent.run.parent_id"
"""On the root of a nested run: the run it is nested in. Its phase and iteration, if any, are then the enclosing
span's."""
PHASE: Final = "nanoagent.phase"
"""On all spans of an orchestrator's run but root and iterations: plan, execute or reflect."""
ITERATION: Final = "nanoagent.iteration"
"""On iterations and all spans inside one: 1-based, without gaps."""
ABANDONED: Final = "nanoagent.abandoned"
"""True on a span that nobody waited for: open when its run closed, or of a stream that was broken off."""
INPUT_OFFSET: Final = "nanoagent.input.messages.offset"
"""On chat spans, at start, with content: how many messages of the request stand on earlier chats of the same agent run
and are not repeated."""

# -- our own: on the root -------------------------------------------------------------------------------------------

STATUS: Final = "nanoagent.status"
"""At start `running`: what makes a span the root of a run. At the end completed, incomplete, failed or cancelled."""
STOP_REASON: Final = "nanoagent.stop_reason"
"""At the end: why the run stopped. Not on an agent's own root."""
MAX_ITERATIONS: Final = "nanoagent.max_iterations"
"""At start: the limit in force, that of a budget that stops the run included. As the four below, each where there is
such a limit; a reader tells by them how much of a limit was left."""
MAX_TOKENS: Final = "nanoagent.max_tokens"
MAX_COST_USD: Final = "nanoagent.max_cost_usd"
MAX_TASKS: Final = "nanoagent.max_tasks"
TIMEOUT_S: Final = "nanoagent.timeout_s"
"""Seconds, as a double."""
PROMPTS_HASH: Final = "nanoagent.prompts.hash"
"""The first 12 hex digits of a SHA-256 over the prompts in use: an orchestrator's at start, the instructions that an
agent's first request carries at the end."""
RUN_SPANS: Final = "nanoagent.spans"
"""At the end: how many spans the run has, the root and those of nested runs included; a reader tells by it how many are
missing."""
RUN_ITERATIONS: Final = "nanoagent.iterations"
"""At the end: what the run counted itself, as the six below; a reader compares them with what it found."""
RUN_API_CALLS: Final = "nanoagent.api_calls"
"""On the root for the run; on an iteration for that iteration."""
RUN_TOOL_CALLS: Final = "nanoagent.tool_calls"
"""On the root for the run; on an iteration for that iteration."""
TASKS_COMPLETED: Final = "nanoagent.tasks.completed"
TASKS_TOTAL: Final = "nanoagent.tasks.total"
RUN_INPUT_TOKENS: Final = "nanoagent.usage.input_tokens"
"""On the root for the run, on an iteration for that iteration; absent when unknown. No reader adds it up."""
RUN_OUTPUT_TOKENS: Final = "nanoagent.usage.output_tokens"
"""On the root for the run, on an iteration for that iteration; absent when unknown. No reader adds it up."""
RUN_COST_USD: Final = "nanoagent.cost.usd"
"""On the root, at the end, when every answered call has a price."""

BUDGET_EVENT: Final = "nanoagent.budget.passed"
"""Event on the root, once for each budget that the run passes, at once: with the four below."""
BUDGET: Final = "nanoagent.budget"
"""On budget events: what has passed: tokens, cost, iterations, time, or the name of a policy of the caller's."""
BUDGET_LIMIT: Final = "nanoagent.budget.limit"
"""On budget events, where there is a number: the bound, as a double (tokens, USD, iterations, seconds)."""
BUDGET_USED: Final = "nanoagent.budget.used"
"""On budget events, where there is a number: what the run has used, nested runs included; of the same unit."""
ACTION: Final = "nanoagent.action"
"""On budget events, what was done about it: `warn`, the run went on or was over anyway; `stop`, it may make no further
model call."""

# -- our own: on iterations -----------------------------------------------------------------------------------------

TASK_ID: Final = "nanoagent.task.id"
"""At start."""
TASK_OUTCOME: Final = "nanoagent.task.outcome"
"""At the end: done or failed."""

# -- our own: on scores ---------------------------------------------------------------------------------------------

SCORE_RUN_ID: Final = "nanoagent.score.run_id"
"""On scores and their links, at start: the run that was judged. Not the key of the run's own spans: a score is none."""
SCORE_TRACE_ID: Final = "nanoagent.score.trace_id"
"""On scores, at start: the trace of that run, as it is linked to."""

# -- our own: on the benchmark goal, so that one search finds it by any of them --------------------------------------

BENCHMARK_SESSION_ID: Final = "nanoagent.benchmark.session_id"
"""At start; the same for every goal of one benchmark run."""
BENCHMARK_GOAL_ID: Final = "nanoagent.benchmark.goal_id"
"""At start."""
BENCHMARK_TIER: Final = "nanoagent.benchmark.tier"
"""At start."""
BENCHMARK_ATTEMPT: Final = "nanoagent.benchmark.attempt"
"""At start, 1-based."""
BENCHMARK_MODEL: Final = "nanoagent.benchmark.model"
"""At start: the model setting under test."""
BENCHMARK_VERDICT: Final = "nanoagent.benchmark.verdict"
"""At the end: pass, fail or error."""
