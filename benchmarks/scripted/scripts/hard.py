"""Scripts of the goals whose tools fail, and of those that cannot be reached."""

from collections.abc import Sequence
from typing import Final

from benchmarks.scripted.script import Detour, Repair, Script, TaskRule, call

SCRIPTS: Final[Sequence[Script]] = (
    Script(
        goal=r"How many (?P<item>[\w ]+)s are in stock\?",
        plan=["Ask the warehouse how many pieces of {item} it has"],
        rules=[
            TaskRule(
                task=r"Ask the warehouse how many pieces of (?P<item>[\w ]+) it has",
                steps=[[call("stock_level", item="{item}")]],
                repairs=[
                    Repair(
                        error=r"ask the (?P<other>\w+) warehouse",
                        call=call("stock_level", item="{item}", warehouse="{other}"),
                    )
                ],
                report="The number of {item}s in stock is {0}",
            )
        ],
        answers=["{t1}"],
    ),
    Script(
        goal=r"How warm is it in the (?P<place>\w+), in degrees Celsius\?",
        plan=["Read the temperature sensor of the {place}"],
        rules=[
            TaskRule(
                task=r"Read the temperature sensor of the (?P<place>\w+)",
                steps=[[call("read_sensor", place="{place}")]],
                report="The sensor of the {place} says {0}",
            ),
            TaskRule(
                task=r"Look the temperature of the (?P<place>\w+) up in the logbook",
                steps=[[call("read_logbook", place="{place}")]],
                report="The logbook gives for the {place} {0[temperature]}",
            ),
        ],
        detours=[Detour(report="logbook", task="Look the temperature of the {place} up in the logbook")],
        answers=["{t2} degrees Celsius", "{t1} degrees Celsius"],
    ),
    Script(
        goal=r"What is the square root of (?P<n>\d+)\?",
        plan=["Calculate the square root of {n}"],
        rules=[
            TaskRule(
                task=r"Calculate the square root of (?P<n>\d+)",
                steps=[[call("square_root", number="{n}", invented=True)]],
                repairs=[Repair(error="Unknown tool name", call=call("calculate", expression="sqrt({n})"))],
                report="The square root of {n} is {0}",
            )
        ],
        answers=["{t1}"],
    ),
    Script(
        goal=r"Give the mean, the median and the population standard deviation of (?P<values>[\d, ]+)",
        plan=["Describe the numbers {values} by mean, median and population standard deviation"],
        rules=[
            TaskRule(
                task=r"Describe the numbers (?P<values>[\d, ]+) by mean, median and population standard deviation",
                steps=[[call("statistics", numbers="[{values}]")]],
                repairs=[
                    Repair(
                        error=r'"loc":\["(?P<name>\w+)"\],"msg":"Field required"',
                        call=call("statistics", values="[{values}]"),
                    )
                ],
                report="Mean {0[mean]}, median {0[median]}, population standard deviation {0[population_stdev]}",
            )
        ],
        answers=["{t1}"],
    ),
    Script(
        goal=r"Telephone (?P<whom>[\w ]+) and ask (?P<what>[\w ]+)",
        plan=["Telephone {whom} and ask {what}"],
        rules=[
            TaskRule(
                task=r"Telephone (?P<whom>[\w ]+) and ask (?P<what>[\w ]+)",
                success=False,
                report="None of the tools can make a telephone call",
            )
        ],
        answers=["{t1}"],
    ),
    Script(
        goal=r"Convert it to the other unit",
        questions=["What is to be converted: which number, in which unit?", "To which unit?"],
    ),
)
