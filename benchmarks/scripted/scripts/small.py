"""Scripts of the simple and the medium goals: one task, one or two tools."""

from collections.abc import Sequence
from typing import Final

from benchmarks.scripted.script import Script, TaskRule, call

SCRIPTS: Final[Sequence[Script]] = (
    Script(
        goal=r"What is (?P<a>\d+) \+ (?P<b>\d+)\?",
        plan=["Add {a} and {b}"],
        rules=[
            TaskRule(
                task=r"Add (?P<a>\d+) and (?P<b>\d+)",
                steps=[[call("calculate", expression="{a} + {b}")]],
                report="{a} + {b} = {0}",
            )
        ],
        answers=["{t1}"],
    ),
    Script(
        goal=r"What day of the week is (?P<date>[\d-]+)\?",
        plan=["Find the day of the week of {date}"],
        rules=[
            TaskRule(
                task=r"Find the day of the week of (?P<date>[\d-]+)",
                steps=[[call("weekday", date="{date}")]],
                report="{date} is a {0}",
            )
        ],
        answers=["{t1}"],
    ),
    Script(
        goal=r"How many kilometres are (?P<miles>[\d.]+) miles\?",
        plan=["Convert {miles} miles to kilometres"],
        rules=[
            TaskRule(
                task=r"Convert (?P<miles>[\d.]+) miles to kilometres",
                steps=[[call("convert_units", value="{miles}", from_unit="mile", to_unit="km")]],
                report="{miles} miles are {0} km",
            )
        ],
        answers=["{t1}"],
    ),
    Script(
        goal=r"Calculate the sum of squares from 1 to (?P<high>\d+)",
        plan=["Calculate the sum of the squares of the numbers 1 to {high}"],
        rules=[
            TaskRule(
                task=r"Calculate the sum of the squares of the numbers 1 to (?P<high>\d+)",
                steps=[[call("calculate", expression="{high} * ({high} + 1) * (2 * {high} + 1) // 6")]],
                report="The sum of the squares from 1 to {high} is {0}",
            )
        ],
        answers=["{t1}"],
    ),
    Script(
        goal=r"How many days is it from today to (?P<end>[\d-]+)\?",
        plan=["Count the days from today to {end}"],
        rules=[
            TaskRule(
                task=r"Count the days from today to (?P<end>[\d-]+)",
                steps=[[call("today")], [call("days_between", start="{0}", end="{end}")]],
                report="From {0} to {end} it is {1} days",
            )
        ],
        answers=["{t1}"],
    ),
    Script(
        goal=r'How many words has "(?P<text>[^"]+)", and how is it written in capitals\?',
        plan=['Count the words of "{text}" and write it in capitals'],
        rules=[
            TaskRule(
                task=r'Count the words of "(?P<text>[^"]+)" and write it in capitals',
                steps=[
                    [
                        call("text_statistics", text="{text}"),
                        call("transform_text", text="{text}", operation="upper"),
                    ]
                ],
                report="It has {0[words]} words; in capitals: {1}",
            )
        ],
        answers=["{t1}"],
    ),
    Script(
        goal=r"What is the mean of (?P<values>[\d., ]+) degrees Fahrenheit, in degrees Celsius\?",
        plan=["Take the mean of {values} and convert it from Fahrenheit to Celsius"],
        rules=[
            TaskRule(
                task=r"Take the mean of (?P<values>[\d., ]+) and convert it from Fahrenheit to Celsius",
                steps=[
                    [call("statistics", values="[{values}]")],
                    [call("convert_units", value="{0[mean]}", from_unit="degF", to_unit="degC")],
                ],
                report="The mean is {0[mean]} degrees Fahrenheit, which is {1} degrees Celsius",
            )
        ],
        answers=["{t1}"],
    ),
)
