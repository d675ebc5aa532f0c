"""Tools that single goals add to the built-in ones: they fail in a way that can be got around."""

from typing import Literal


def stock_level(item: str, warehouse: Literal["north", "south"] = "north") -> int:
    """Tell how many pieces of an item a warehouse has.

    Args:
        item: The item's name, such as blue chair.
        warehouse: The warehouse to ask; north is the main one.
    """
    if warehouse == "north":
        raise ConnectionError("the north warehouse does not answer; ask the south warehouse, which has the same list")
    return 37 if "chair" in item else 0


def read_sensor(place: str) -> float:
    """Read the temperature sensor of a place, in degrees Celsius.

    Args:
        place: Where the sensor is, such as greenhouse.
    """
    raise OSError(f"the sensor of the {place} is broken; its last reading stands in the logbook")


def read_logbook(place: str) -> dict[str, str | float]:
    """Look the last entry of a place up in the logbook.

    Args:
        place: The place, such as greenhouse.
    """
    return {"place": place, "temperature": 21.5}
