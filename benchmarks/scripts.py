"""The scripts of the benchmark's goals."""

from collections.abc import Sequence
from typing import Final

from benchmarks.script import Detour, Groups, Repair, Script, TaskRule, call, last_number


def _squares(groups: Groups) -> list[str]:
    return [f"Square {n}" for n in range(int(groups["low"]), int(groups["high"]) + 1)]


def _halve_or_triple(result: str) -> str | None:
    number = int(last_number(result) or 1)
    if number == 1:
        return None
    return f"Triple {number} and add 1" if number % 2 else f"Halve {number}"


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
        goal=r"Find prime numbers between (?P<low>\d+) and (?P<high>\d+), then sum them",
        plan=["List the prime numbers between {low} and {high}", "Add up the prime numbers that were found"],
        rules=[
            TaskRule(
                task=r"List the prime numbers between (?P<low>\d+) and (?P<high>\d+)",
                steps=[[call("primes_between", low="{low}", high="{high}")]],
                report="The primes between {low} and {high} are {0}",
            ),
            TaskRule(
                task=r"Add up the prime numbers that were found",
                steps=[[call("statistics", values="{l1}")]],
                report="The {0[count]} primes add up to {0[sum]}",
            ),
        ],
        answers=["{t2}"],
    ),
    Script(
        goal=r"Find the prime factors of (?P<a>\d+) and of (?P<b>\d+), then add up all of them",
        plan=["Find the prime factors of {a} and of {b} and add all of them up"],
        rules=[
            TaskRule(
                task=r"Find the prime factors of (?P<a>\d+) and of (?P<b>\d+) and add all of them up",
                steps=[
                    [call("prime_factors", n="{a}"), call("prime_factors", n="{b}")],
                    [call("calculate", expression="sum({0}) + sum({1})")],
                ],
                report="The prime factors {0} and {1} add up to {2}",
            )
        ],
        answers=["{t1}"],
    ),
    Script(
        goal=r"Calculate (?P<rate>\d+)% of (?P<base>\d+), multiply by (?P<factor>\d+), then subtract (?P<less>\d+)",
        plan=[
            "Calculate {rate}% of {base}",
            "Multiply the result of the first task by {factor}",
            "Subtract {less} from the result of the second task",
        ],
        rules=[
            TaskRule(
                task=r"Calculate (?P<rate>\d+)% of (?P<base>\d+)",
                steps=[[call("calculate", expression="{rate} / 100 * {base}")]],
                report="{rate}% of {base} is {0}",
            ),
            TaskRule(
                task=r"Multiply the result of the first task by (?P<factor>\d+)",
                steps=[[call("calculate", expression="{n1} * {factor}")]],
                report="{n1} * {factor} = {0}",
            ),
            TaskRule(
                task=r"Subtract (?P<less>\d+) from the result of the second task",
                steps=[[call("calculate", expression="{n2} - {less}")]],
                report="{n2} - {less} = {0}",
            ),
        ],
        answers=["The result is {n3}"],
    ),
    Script(
        goal=r"A train covers (?P<miles>\d+) miles in (?P<hours>[\d.]+) hours\. "
        r"How many minutes does it take for (?P<km>\d+) km at the same speed\?",
        plan=[
            "Convert {miles} miles to km",
            "Divide the km of the first task by {hours} hours to get the speed",
            "Calculate how many minutes {km} km take at the speed of the second task",
        ],
        rules=[
            TaskRule(
                task=r"Convert (?P<miles>\d+) miles to km",
                steps=[[call("convert_units", value="{miles}", from_unit="mile", to_unit="km")]],
                report="{miles} miles are {0}",
            ),
            TaskRule(
                task=r"Divide the km of the first task by (?P<hours>[\d.]+) hours to get the speed",
                steps=[[call("calculate", expression="{n1} / {hours}")]],
                report="The speed in km/h is {0}",
            ),
            TaskRule(
                task=r"Calculate how many minutes (?P<km>\d+) km take at the speed of the second task",
                steps=[
                    [call("calculate", expression="{km} / {n2}")],
                    [call("convert_units", value="{0}", from_unit="hour", to_unit="minute")],
                ],
                report="At {n2} km/h, {km} km take, in minutes, {1}",
            ),
        ],
        answers=["It takes {n3} minutes"],
    ),
    Script(
        goal=r"Count from (?P<low>\d+) to (?P<high>\d+), squaring each number",
        plan=_squares,
        rules=[
            TaskRule(
                task=r"Square (?P<n>\d+)",
                steps=[[call("calculate", expression="{n} ** 2")]],
                report="{n} squared is {0}",
            )
        ],
        answers=["The squares are {n1}, {n2}, {n3}, {n4}, {n5}"],
    ),
    Script(
        goal=r"Start at (?P<start>\d+)\. Halve an even number; triple an odd one and add 1\. "
        r"Stop at 1 and give every number on the way\.",
        plan=lambda groups: [_halve_or_triple(groups["start"]) or "Halve 2"],
        rules=[
            TaskRule(
                task=r"Halve (?P<n>\d+)",
                steps=[[call("calculate", expression="{n} // 2")]],
                report="Half of {n} is {0}",
            ),
            TaskRule(
                task=r"Triple (?P<n>\d+) and add 1",
                steps=[[call("calculate", expression="3 * {n} + 1")]],
                report="3 * {n} + 1 = {0}",
            ),
        ],
        next_task=_halve_or_triple,
        answers=["From {start}: {numbers}"],
    ),
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
        goal=r"Count upwards from (?P<start>\d+) one step at a time, and never stop",
        plan=["Add 1 to {start}"],
        rules=[
            TaskRule(
                task=r"Add 1 to (?P<n>\d+)",
                steps=[[call("calculate", expression="{n} + 1")]],
                report="{n} + 1 = {0}",
            )
        ],
        next_task=lambda result: f"Add 1 to {last_number(result) or 0}",
    ),
    Script(
        goal=r"Convert it to the other unit",
        questions=["What is to be converted: which number, in which unit?", "To which unit?"],
    ),
)
