import json
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from enum import Enum, IntEnum
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from nanoagent.content.bounded_json import bounded_json
from nanoagent.content.bounded_values import MAX_CHARACTERS, MAX_ITEMS, MAX_TEXT_CHARACTERS, MAX_VALUES
from nanoagent.content.json_forms import Frame, JsonText, Messages, Parts
from nanoagent.redaction.redactor import Redactor, use_redactor

LIMIT = 16_384


def written(value: object, limit_bytes: int = LIMIT) -> Any:
    text = bounded_json(value, limit_bytes)
    assert text is not None
    assert len(text.encode()) <= limit_bytes
    return json.loads(text, parse_constant=pytest.fail)


def message(*texts: str) -> Frame:
    return Frame(role="user", parts=Parts(Frame(type="text", content=text) for text in texts))


class Color(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@dataclass
class Point:
    x: int
    token: str = field(default="hidden", repr=False)


class Account(BaseModel):
    name: str
    password: SecretStr = SecretStr("hunter2")
    key: str = Field(default="hidden", repr=False)
    internal: str = Field(default="hidden", exclude=True)


@dataclass
class Reticent:
    token: str

    def __repr__(self) -> str:
        return "Reticent"


class ReticentModel(BaseModel):
    token: str

    def __repr__(self) -> str:
        return "ReticentModel"

    __str__ = __repr__


class Exiting:
    def __str__(self) -> str:
        raise SystemExit(1)


class Lying(list[int]):
    length = 0

    def __len__(self) -> int:
        return self.length


class LyingBadly(Lying):
    length = -1


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no")


class Hostile(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        raise RuntimeError("no")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no")

    def __len__(self) -> int:
        return 3


class Shouting(str):
    __slots__ = ()

    def __getitem__(self, key: Any) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (8, 8),
        (2**2000, "[integer of 2,001 bits]"),
        (1.5, 1.5),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        ("é", "é"),
        (Shouting("a"), "a"),
        (b"12345", "[5 bytes]"),
        (memoryview(bytes(1_234)), "[1,234 bytes]"),
        (Color.RED, "red"),
        (Level.HIGH, 3),
        (date(2026, 1, 2), "2026-01-02"),
        ((1, [2], {3}, deque([4])), [1, [2], [3], [4]]),
        ({1: "a", None: "b", (1, 2): "c"}, {"1": "a", "None": "b", "(1, 2)": "c"}),
        (Point(1), {"x": 1}),
        (Account(name="ann"), {"name": "ann", "password": "**********"}),
        (Unspeakable(), "[Unspeakable that cannot be shown]"),
        ({"a": Unspeakable(), "b": 1}, {"a": "[Unspeakable that cannot be shown]", "b": 1}),
        (Reticent("hidden"), "Reticent"),
        (ReticentModel(token="hidden"), "ReticentModel"),
        ([Exiting()], ["[Exiting that cannot be shown]"]),
        (Lying([1, 2]), [1, 2]),
        (LyingBadly([1, 2]), [1, 2]),
        (Hostile(), "[Hostile that cannot be shown]"),
        (JsonText('{"a": [1, NaN]}'), {"a": [1, "nan"]}),
        (JsonText('{"a": '), '{"a": '),
        (JsonText("[" * 10_000), "[" * 10_000),
    ],
)
def test_any_value_is_written_as_json(value: object, expected: object) -> None:
    assert written(value) == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=[])), inner),
)


@given(json_values, st.integers(64, 400))
def test_whatever_the_value_and_the_limit_the_text_is_valid_and_fits_or_there_is_none(
    value: object, limit: int
) -> None:
    text = bounded_json(value, limit)
    if text is not None:
        json.loads(text)
        assert len(text.encode()) <= limit
        assert "\x00" not in text


def test_a_limit_that_no_json_of_the_value_keeps_leaves_it_out() -> None:
    assert bounded_json({"role": "user", "parts": ["a" * 100]}, 10) is None
    assert bounded_json("a" * 100, 1) is None


def test_a_long_text_keeps_its_start_and_says_its_length() -> None:
    text = written("a" * 25_000_000)
    kept, _, marker = text.partition("…")
    assert set(kept) == {"a"}
    assert len(kept) > LIMIT // 3
    assert marker == f"[shortened: {len(kept):,} of 25,000,000 characters]"


def test_a_text_is_not_shortened_where_the_marker_would_be_as_long() -> None:
    assert written("a" * 100, 102) == "a" * 100


def test_a_text_of_wide_characters_fits_in_bytes() -> None:
    assert written("🤖" * 16_384).startswith("🤖" * 2_000)


def test_of_a_long_list_the_first_items_are_kept_and_the_rest_is_counted() -> None:
    items = written(list(range(100_000)))
    assert items[:3] == [0, 1, 2]
    assert items[-1] == f"…[left out: {100_000 - len(items) + 1:,} of 100,000 items]"


def test_of_a_large_object_the_first_entries_are_kept_and_the_rest_is_counted() -> None:
    entries = written({f"key {n}": "x" * 50 for n in range(10_000)})
    assert entries["key 0"] == "x" * 50
    assert entries["…"] == f"[left out: {10_000 - len(entries) + 1:,} of 10,000 entries]"


def test_of_many_messages_the_first_and_the_last_are_kept_with_a_marker_between() -> None:
    messages = Messages(message(f"{n}: {'x' * 400}") for n in range(500))
    shown = written(messages)
    numbers = [int(one["parts"][0]["content"].partition(":")[0]) for one in shown if one["role"] == "user"]
    later = numbers[1:]
    assert numbers[0] == 0
    assert later == list(range(500 - len(later), 500))
    marker = f"…[left out: {500 - len(numbers):,} of 500 messages]"
    assert shown[1] == {"role": "system", "parts": [{"type": "text", "content": marker}]}


def test_depth_is_bounded_also_of_what_holds_itself() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert "deeper levels are left out" in json.dumps(written(endless))


class Masking(Redactor):
    """Masks one word and counts how much it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.characters = 0

    def redacted(self, text: str) -> str:
        self.characters += len(text)
        return text.replace("sesame", "***").replace('"pin":"1234"', '"pin":"***"')


@pytest.fixture
def masking() -> Iterator[Masking]:
    redactor = Masking()
    before = use_redactor(redactor)
    yield redactor
    use_redactor(before)


def test_every_text_and_key_passes_the_redactor_and_keys_stand_beside_their_values(masking: Masking) -> None:
    value = {"open sesame": ["say sesame", {"pin": "1234"}], "json": JsonText('{"x": "\\u0073esame"}')}
    assert written(value) == {"open ***": ["say ***", {"pin": "***"}], "json": {"x": "***"}}


def test_a_secret_at_a_cut_is_never_seen_in_part(masking: Masking) -> None:
    cuts = (LIMIT // 2, LIMIT, LIMIT + 4_096, LIMIT + 8_192)
    texts = ["." * (cut + shift) + "sesame" + "." * 10_000 for cut in cuts for shift in range(-60, 3)]
    texts += ["." * shift + "sesame" * 10_000 for shift in range(6)]
    for text in texts:
        seen = bounded_json(text, LIMIT)
        assert seen is not None
        assert "s" not in seen.replace("shortened", "").replace("characters", "")


def test_what_is_looked_at_is_bounded(masking: Masking) -> None:
    bounded_json([{"text": "a" * 1_000_000}] * 10_000, LIMIT)
    assert masking.characters < 2_000_000


def test_json_that_a_hook_makes_something_else_of_is_still_json() -> None:
    class Whole(Redactor):
        def redacted(self, text: str) -> str:
            return "gone\ud800" if text.startswith("{") else text

    before = use_redactor(Whole())
    try:
        assert written({"a": 1}) == "gone\ufffd"
    finally:
        use_redactor(before)


REQUIRED_KEYS = {
    "text": {"content"},
    "reasoning": {"content"},
    "tool_call": {"name", "id"},
    "tool_call_response": {"response", "id"},
    "uri": {"uri", "modality"},
}
"""What a part must have in the conventions' JSON schemas, and our ids."""
part_values = st.sampled_from(sorted(REQUIRED_KEYS)).flatmap(
    lambda kind: st.fixed_dictionaries(
        {key: json_values if key == "response" else st.text(max_size=40) for key in sorted(REQUIRED_KEYS[kind])}
    ).map(lambda entries: Frame(entries, type=kind))
)
message_values = st.lists(part_values, max_size=8).map(
    lambda parts: Frame(role="assistant", parts=Parts(parts), finish_reason="stop")
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(message_values, min_size=1, max_size=6), st.integers(0, 1_000))
def test_however_short_messages_keep_the_form_of_the_conventions(messages: list[Frame], limit: int) -> None:
    seen = bounded_json(Messages(messages), limit)
    if seen is None:
        return
    assert len(seen.encode()) <= limit
    for one in json.loads(seen):
        assert one["role"] == "system" or one["finish_reason"] == "stop"
        assert all(REQUIRED_KEYS[part["type"]] <= part.keys() for part in one["parts"])


def test_of_many_parts_the_first_are_kept_with_a_part_that_counts_the_others() -> None:
    (seen,) = written(Messages([message(*("x" * 100 for _ in range(1_000)))]))
    marker = f"…[left out: {1_001 - len(seen['parts']):,} of 1,000 parts]"
    assert seen["parts"][-1] == {"type": "text", "content": marker}


@pytest.mark.parametrize("texts", [1, 3, 10, 40])
@pytest.mark.parametrize("character", ["a", "é", "🤖", '"'])
def test_most_of_an_attribute_is_used_where_texts_can_fill_it(texts: int, character: str) -> None:
    seen = bounded_json(Messages([message(*[character * 20_000] * texts)]), LIMIT)
    assert seen is not None
    assert LIMIT * 3 // 4 < len(seen.encode()) <= LIMIT


def test_messages_that_a_hook_makes_something_else_of_are_left_out() -> None:
    before = use_redactor(Redactor(hook=lambda text: "gone" if text.startswith("[") else text))
    try:
        assert bounded_json(Messages([message("a")]), LIMIT) is None
    finally:
        use_redactor(before)


def test_only_what_stands_there_after_redaction_is_told() -> None:
    told: list[str] = []
    before = use_redactor(Redactor(hook=lambda text: text.replace('{"a":"one', '{"a":"two')))
    try:
        assert bounded_json({"a": "one more"}, LIMIT, after=told.append) == '{"a":"two more"}'
    finally:
        use_redactor(before)
    assert told == ["two more"]


def shortest_limit(value: object) -> int:
    return next(limit for limit in range(LIMIT) if bounded_json(value, limit) is not None)


def test_the_least_that_is_written_of_a_message_is_how_long_its_text_is() -> None:
    value = Messages([message("x" * 1_000)])
    least = {"role": "user", "parts": [{"type": "text", "content": "…[shortened: 0 of 1,000 characters]"}]}
    limit = shortest_limit(value)
    assert written(value, limit) == [least]
    assert limit == len(json.dumps([least], ensure_ascii=False, separators=(",", ":")).encode())
    assert written(value, limit + 33)[0]["parts"][0]["content"].startswith("x" * 32 + "…")


def test_the_least_that_is_written_of_a_list_is_the_start_of_its_first_item() -> None:
    value = [f"{number}" + "x" * 200 for number in range(10)]
    shown = ["0" + "x" * 31 + "…[shortened: 32 of 201 characters]", "…[left out: 9 of 10 items]"]
    assert written(value, len(json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode())) == shown


def test_the_least_that_is_written_of_a_conversation_is_its_first_message() -> None:
    value = Messages([message(f"{number} says hello") for number in range(10)])
    left_out = {"role": "system", "parts": [{"type": "text", "content": "…[left out: 9 of 10 messages]"}]}
    assert written(value, shortest_limit(value)) == [value[0], left_out]


def test_a_text_that_is_written_shorter_than_it_is_still_says_how_much_of_it_was_seen() -> None:
    seen = bounded_json("x" * 20_000, LIMIT, before=lambda _: "short")
    assert seen == '"short…[shortened: 16,383 of 20,000 characters]"'


@contextmanager
def hooked(hook: Callable[[str], str]) -> Iterator[None]:
    before = use_redactor(Redactor(hook=hook))
    try:
        yield
    finally:
        use_redactor(before)


def test_where_redaction_makes_the_json_longer_less_is_written_and_not_much_less() -> None:
    def longer(text: str) -> str:
        return text.replace("x", "xy") if text.startswith("{") else text

    with hooked(longer):
        seen = bounded_json({"a": "x" * 50_000}, 1_000)
    assert seen is not None
    assert 300 < len(seen.encode()) <= 1_000


def test_messages_that_redaction_makes_something_else_of_are_left_out() -> None:
    with hooked(lambda text: text.replace('"parts"', '"pieces"')):
        assert bounded_json(Messages([message("hello")]), LIMIT) is None
        assert written({"parts": 1}) == {"pieces": 1}


def test_what_redaction_makes_no_json_of_is_written_as_a_text() -> None:
    for made in ("{", "[" * 10_000, "\0"):
        with hooked(lambda text, made=made: made if text.startswith("{") else text):  # type: ignore[misc]
            assert written({"a": 1}) == made.replace("\0", "\ufffd")


def test_an_interrupt_while_a_value_is_read_is_raised() -> None:
    class Interrupted:
        def __str__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bounded_json([Interrupted()], LIMIT)


def test_a_text_of_a_class_of_its_own_is_shown_as_the_text_it_is() -> None:
    class Sly(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "something else"

    assert written({"a": Sly("what it is")}) == {"a": "what it is"}


def test_of_all_texts_together_no_more_is_seen_than_a_bound() -> None:
    texts = ["x" * (MAX_TEXT_CHARACTERS - 100), *["x" * MAX_TEXT_CHARACTERS] * (MAX_CHARACTERS // MAX_TEXT_CHARACTERS)]
    *_, last = written(texts)
    assert last.endswith("…[shortened: 99 of 16,384 characters]")


def test_json_that_is_longer_than_what_is_seen_of_a_text_is_a_text() -> None:
    long = '{"a": "' + "x" * MAX_TEXT_CHARACTERS + '"}'
    assert written({"arguments": JsonText(long)})["arguments"].startswith('{"a": "xxx')


def test_keys_and_labels_are_cut_like_names() -> None:
    (key,) = written({"k" * 1_000: 1})
    label = written([Frame(type="tool_call", id="i" * 1_000)])[0]["id"]
    assert (key, label) == ("k" * 255 + "…", "i" * 255 + "…")


def test_items_that_no_more_can_be_seen_of_are_said_to_be_left_out() -> None:
    texts = ["x" * MAX_TEXT_CHARACTERS] * (MAX_CHARACTERS // MAX_TEXT_CHARACTERS + 3)
    assert written(texts)[-1] == f"…[left out: 3 of {len(texts)} items]"
    assert written(list(range(MAX_ITEMS + 500)))[-1] == f"…[left out: 500 of {MAX_ITEMS + 500:,} items]"
    rows = written([list(range(100)) for _ in range(MAX_VALUES // 100 + 5)])
    assert rows[-1] == f"…[left out: 5 of {MAX_VALUES // 100 + 5} items]"


def test_fields_that_were_added_or_taken_away_are_shown_as_they_are() -> None:
    class Open(BaseModel, extra="allow"):
        name: str

    @dataclass
    class Pair:
        one: int
        other: int

    pair = Pair(1, 2)
    del pair.other
    assert written([Open(name="a", note="added"), pair]) == [{"name": "a", "note": "added"}, {"one": 1}]
