"""The prices of model calls, and the models that have none."""

import logging
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from pydantic_ai.messages import ModelResponse

from nanoagent.tracing.failures import log_failure

_logger = logging.getLogger(__name__)

ASK_AGAIN_AFTER_S: Final = 300.0
"""A model without a price is looked up again after so long: price lists are updated while a process runs."""
MAX_REMEMBERED: Final = 1_024
"""Models without a price that are remembered."""

_Model = tuple[str | None, str | None, str | None]


class Prices:
    """Prices responses. Finding out that a model has no price takes as long as pricing it, so that is remembered."""

    def __init__(self, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._unknown: dict[_Model, float] = {}

    def price_of(self, response: ModelResponse) -> Decimal | None:
        """The price of a call in USD; `None` when it is not known."""
        model = (response.model_name, response.provider_name, response.provider_url)
        asked_s = self._unknown.get(model)
        if asked_s is not None and self._monotonic_s() - asked_s < ASK_AGAIN_AFTER_S:
            return None
        try:
            return response.cost().total_price
        except LookupError:
            self._remember(model)
        except (ValueError, AssertionError):
            pass  # what the response says of itself cannot be priced
        except Exception:
            log_failure(_logger, "the price of a model call could not be calculated")
        return None

    def _remember(self, model: _Model) -> None:
        if len(self._unknown) >= MAX_REMEMBERED:
            self._unknown.clear()
        self._unknown[model] = self._monotonic_s()


price_of: Final = Prices().price_of
