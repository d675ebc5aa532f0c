"""The view of all runs is the view of the runs since a time, word for word."""

from tests.scale.engine import VIEW_SQL, query_of
from tests.snapshot import assert_file_is

_OF_ALL = """
-- All runs: the query above from 1970 on, word for word. As a view of the view above it would be planned twice as
-- often, which takes longer than it takes to count a few thousand runs. Nobody writes this by hand:
--
--     UPDATE_SNAPSHOTS=1 pytest tests/scale/test_view_text.py

CREATE OR REPLACE VIEW nanoagent_runs AS
"""


def test_the_view_of_all_runs_is_that_of_the_runs_since_1970() -> None:
    text = VIEW_SQL.read_text()
    ours = text[: text.index(";\n") + 2]
    lines = [line for line in query_of(text)[1:-1].splitlines() if not line.lstrip().startswith("--")]
    assert_file_is(VIEW_SQL, ours + _OF_ALL + "\n".join(lines) + ";\n")
