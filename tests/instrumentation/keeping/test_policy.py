from decimal import Decimal
from typing import Any

import pytest

from instrumentation.keeping.policy import KEEP_VARIABLE, Keep, keep_in
from nanoagent.errors import ConfigurationError

SECOND_NS = 10**9


def wants(keep: Keep, *, status: object = "completed", duration_ns: int = 0, cost_usd: str | None = None) -> bool:
    cost = None if cost_usd is None else Decimal(cost_usd)
    return keep.wants(status=status, duration_ns=duration_ns, cost_usd=lambda: cost)


@pytest.mark.parametrize("kept", ["failed", "incomplete", "cancelled"])
@pytest.mark.parametrize("status", ["completed", "failed", "incomplete", "cancelled", "running", None])
def test_a_status_keeps_the_runs_that_have_it(kept: str, status: str | None) -> None:
    chosen: dict[str, Any] = {kept: True}
    assert wants(Keep(**chosen), status=status) is (status == kept)


@pytest.mark.parametrize("threshold", [0, 30, 0.1, 1e-9])
def test_a_run_is_slow_when_it_took_longer(threshold: float) -> None:
    at_ns = round(threshold * SECOND_NS)
    keep = Keep(slower_than_s=threshold)
    assert [wants(keep, duration_ns=ns) for ns in (at_ns - 1, at_ns, at_ns + 1)] == [False, False, True]


@pytest.mark.parametrize("threshold", [0.3, Decimal("0.3")])
def test_a_run_is_costly_when_it_cost_more(threshold: Decimal | float) -> None:
    keep = Keep(cost_above_usd=threshold)
    costs = [None, "0.2999999999", "0.3", "0.3000000001"]
    assert [wants(keep, cost_usd=cost) for cost in costs] == [False, False, False, True]


def test_a_run_is_kept_for_any_of_it() -> None:
    keep = Keep(failed=True, slower_than_s=30, cost_above_usd=0.5)
    assert not wants(keep, duration_ns=SECOND_NS, cost_usd="0.1")
    assert wants(keep, status="failed", cost_usd="0.1")
    assert wants(keep, duration_ns=31 * SECOND_NS, cost_usd="0.1")
    assert wants(keep, cost_usd="0.6")


def test_the_cost_is_worked_out_only_where_nothing_else_decides() -> None:
    def never() -> Decimal:
        raise AssertionError

    assert Keep(failed=True, cost_above_usd=1).wants(status="failed", duration_ns=0, cost_usd=never)
    assert Keep(slower_than_s=1, cost_above_usd=1).wants(status="x", duration_ns=2 * SECOND_NS, cost_usd=never)
    assert not Keep(failed=True, slower_than_s=1).wants(status="x", duration_ns=0, cost_usd=never)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"failed": "yes"}, "failed must be True or False, got 'yes'"),
        ({"cancelled": 1}, "cancelled must be True or False, got 1"),
        ({"slower_than_s": -1}, "slower_than_s must be a finite number >= 0, got -1"),
        ({"slower_than_s": "30"}, "slower_than_s must be a finite number >= 0, got '30'"),
        ({"slower_than_s": True}, "slower_than_s must be a finite number >= 0, got True"),
        ({"slower_than_s": float("nan")}, "slower_than_s must be a finite number >= 0, got nan"),
        ({"cost_above_usd": float("inf")}, "cost_above_usd must be a finite number >= 0, got inf"),
        ({"cost_above_usd": Decimal("sNaN")}, "cost_above_usd must be a finite number >= 0, got Decimal('sNaN')"),
        ({"cost_above_usd": Decimal("-0.1")}, "cost_above_usd must be a finite number >= 0, got Decimal('-0.1')"),
        ({"slower_than_s": Decimal("1e999")}, "slower_than_s must be a finite number >= 0, got Decimal('1E+999')"),
        (
            {},
            "Keep must say what to keep: failed, incomplete, cancelled, slower_than_s or cost_above_usd",
        ),
    ],
)
def test_what_cannot_be_kept_is_an_error(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        Keep(**given)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("value", "keep"),
    [
        ("failed,slower=30,cost=0.5", Keep(failed=True, slower_than_s=30.0, cost_above_usd=Decimal("0.5"))),
        (" Failed ,, SLOWER = 0.25 , ", Keep(failed=True, slower_than_s=0.25)),
        ("incomplete,cancelled,failed", Keep(failed=True, incomplete=True, cancelled=True)),
        ("failed,failed", Keep(failed=True)),
        ("cost=0", Keep(cost_above_usd=Decimal(0))),
        ("slower=1e3", Keep(slower_than_s=1000.0)),
        ("", None),
        (" , ", None),
        (None, None),
    ],
)
def test_the_environment_says_what_to_keep(value: str | None, keep: Keep | None) -> None:
    assert keep_in({} if value is None else {KEEP_VARIABLE: value}) == keep


@pytest.mark.parametrize(
    "word",
    [
        *("fail", "failed=1", "failed=", "none", "completed", "slower_than_s=3"),
        *("slower", "slower=", "slower=soon", "slower=-1", "slower=nan", "slower=1e400"),
        *("cost=1e", "cost=inf", "cost=snan", "cost==1"),
    ],
)
def test_a_word_that_is_none_is_an_error_that_names_the_choices(word: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        keep_in({KEEP_VARIABLE: f"failed, {word.upper()}"})
    assert str(error.value) == (
        "NANOAGENT_KEEP must name runs to keep out of failed, incomplete, cancelled, slower=SECONDS, cost=USD, each "
        f"number >= 0; got {word!r} in {f'failed, {word.upper()}'!r}"
    )
