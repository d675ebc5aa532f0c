"""A service that answers goals: `uv run uvicorn examples.service.app:app`."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, StringConstraints

from examples.service.goals import Busy
from examples.service.service import NotReady, Service, serving
from instrumentation.scoring import score
from nanoagent import ConfigurationError, PerformanceMetrics, RunResult
from nanoagent.texts import clean

MAX_BODY_BYTES: Final = 128 * 1024
"""Of a request: more than the longest goal has, however it is written."""
HUNG_UP: Final = 499
"""Nobody is told so: it is what spans and metrics say of a request that was no fault of the service."""
PROBES: Final = frozenset({"/healthz", "/readyz"})
SUMMARY: Final = (
    "iterations",
    "api_calls",
    "tool_calls",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "duration_seconds",
)


class Asked(BaseModel):
    """What is asked for."""

    goal: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8_000)]


class Verdict(BaseModel, strict=True):
    """What a user thinks of an answer: a value, a label or both."""

    name: str = "user"
    """What is judged, or who judges."""
    value: float | None = None
    label: str | None = None
    explanation: str | None = None
    trace_id: str | None = None
    """As the answer had it; needed where the run was long ago, or another worker's."""


class Answered(BaseModel):
    """What became of a goal, and where to look it up."""

    answer: str | None
    """`null` where the run was cancelled."""
    status: str
    stop_reason: str | None
    error_type: str | None
    """The class of what went wrong; what it says is content, and may be a provider's."""
    run_id: str | None
    trace_id: str | None
    metrics: dict[str, int | float | None]

    @classmethod
    def of(cls, metrics: PerformanceMetrics, result: RunResult | None) -> "Answered":
        """What is told of a run."""
        numbers = metrics.to_dict()
        return cls(
            # A lone surrogate, as models and tools may give it, cannot be sent.
            answer=None if result is None else clean(result.output),
            status=metrics.status,
            stop_reason=metrics.stop_reason,
            error_type=metrics.error_type,
            run_id=metrics.run_id,
            trace_id=metrics.trace_id,
            metrics={name: numbers[name] for name in SUMMARY},
        )

    @property
    def status_code(self) -> int:
        """200 also for what is incomplete; 503 where it may be asked again a little later."""
        if self.answer is None or self.stop_reason == "model_error":
            return 503
        return 500 if self.status == "failed" else 200


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Be a service from the server's start to its end."""
    async with serving() as app.state.service:
        yield


app = FastAPI(
    title="Goals",
    lifespan=lifespan,
    max_body_size=MAX_BODY_BYTES,
    # FastAPI makes the server's span of each request, in the trace that the request brings along. Its logs would carry
    # what exceptions say, and its exporters would send each span once more.
    telemetry={
        "operation_spans": False,
        "logs": False,
        "auto_configure": False,
        "exclude": lambda scope: scope["path"] in PROBES,
    },
)


@app.post("/goals", responses={status: {"model": Answered} for status in (500, 503)})
async def answer(asked: Asked, request: Request, response: Response) -> Answered:
    """Work on a goal; who hangs up cancels it."""
    service = _service(request)
    answered = Answered.of(*await service.answer(asked.goal, lambda: _hung_up(request)))
    is_left = answered.answer is None and not service.goals.is_closing
    response.status_code = HUNG_UP if is_left else answered.status_code
    return answered


@app.get("/runs/recent")
async def recent(request: Request) -> dict[str, Any]:
    """The runs of this process that ended, with all their numbers."""
    return _told(_service(request).telemetry.aggregator.recent())


@app.get("/runs/open")
async def open_runs(request: Request) -> dict[str, Any]:
    """The runs of this process that go on, with their numbers so far."""
    return _told(_service(request).telemetry.aggregator.open_runs())


@app.post("/runs/{run_id}/score", status_code=202)
async def score_run(run_id: str, verdict: Verdict, request: Request) -> dict[str, str]:
    """Send what a user thinks of a run that is over, to where the spans go; it has a trace of its own."""
    if verdict.trace_id is None and _service(request).telemetry.aggregator.get(run_id) is None:
        raise HTTPException(404, "the run is not among the recent ones of this process; give its trace_id")
    try:
        trace_id = score(run_id, **verdict.model_dump())
    except ConfigurationError as error:
        raise HTTPException(422, str(error)) from error
    if trace_id is None:
        raise HTTPException(503, "nothing is traced here, and a score would go nowhere")
    return {"trace_id": trace_id}


@app.get("/healthz")
async def healthz() -> dict[str, bool]:
    """Whether the process lives."""
    return {"alive": True}


@app.get("/readyz")
async def readyz(request: Request) -> dict[str, bool]:
    """Whether goals can be answered; 503 where they cannot."""
    _service(request).check()
    return {"ready": True}


@app.exception_handler(Busy)
async def busy(request: Request, error: Exception) -> JSONResponse:
    """There are as many goals as there may be."""
    return _refusal(429, "as many goals are worked on as there may be; ask again a little later")


@app.exception_handler(NotReady)
async def unavailable(request: Request, error: Exception) -> JSONResponse:
    """No goal can be answered."""
    return _refusal(503, str(error))


@app.exception_handler(RequestValidationError)
async def unusable(request: Request, error: RequestValidationError) -> JSONResponse:
    """What is asked cannot be used; it is not said again, for it may be anything."""
    problems = [{key: problem[key] for key in ("loc", "msg", "type")} for problem in error.errors()]
    return JSONResponse({"detail": problems}, 422)


def _told(runs: Sequence[PerformanceMetrics]) -> dict[str, Any]:
    return {"process": os.getpid(), "runs": [metrics.to_dict() for metrics in runs]}


def _refusal(status: int, why: str) -> JSONResponse:
    return JSONResponse({"detail": why}, status, {"Retry-After": "1"})


def _service(request: Request) -> Service:
    service: Service | None = getattr(request.app.state, "service", None)
    if service is None:
        raise NotReady("the service has not started")
    return service


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
