"""What the documents ask ClickHouse, asked of its engine."""

import re

import pytest

from tests.documents import Block, blocks_of
from tests.scale.engine import store
from tests.scale.spans import chunks

QUERIES = [block for block in blocks_of(["docs/scale.md"]) if block.language == "sql"]


@pytest.mark.parametrize("block", QUERIES, ids=str)
def test_a_query_of_the_documents_is_answered(block: Block) -> None:
    # Made spans are older than what the documents ask for.
    query = re.sub(r"since = '[^']*'", "since = '2020-01-01 00:00:00'", block.text)
    with store(*chunks(1, 1_000)) as stored:
        assert stored.run(query).strip() != b""


def test_there_are_queries() -> None:
    assert len(QUERIES) >= 1
