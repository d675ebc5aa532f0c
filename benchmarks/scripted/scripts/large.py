"""Scripts of the complex goals and of those of several steps: tasks that use what earlier ones found."""

from collections.abc import Sequence
from typing import Final

from benchmarks.scripted.script import Script, TaskRule, call

SCRIPTS: Final[Sequence[Script]] = (
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
        goal=r"How many prime numbers are there between (?P<low>\d+) and (?P<high>\d+), and what is their median\?",
        plan=[
            "List the prime numbers between {low} and {high}",
            "Count the prime numbers that were found, with median",
        ],
        rules=[
            TaskRule(
                task=r"List the prime numbers between (?P<low>\d+) and (?P<high>\d+)",
                steps=[[call("primes_between", low="{low}", high="{high}")]],
                report="The primes between {low} and {high} are {0}",
            ),
            TaskRule(
                task=r"Count the prime numbers that were found, with median",
                steps=[[call("statistics", values="{l1}")]],
                report="There are {0[count]} primes, and their median is {0[median]}",
            ),
        ],
        answers=["{t2}"],
    ),
    Script(
        goal=r"Count the letters of (?P<word>\w+), and find the prime factors of the count",
        plan=["Count the letters of {word}", "Find the prime factors of the count of the first task"],
        rules=[
            TaskRule(
                task=r"Count the letters of (?P<word>\w+)",
                steps=[[call("text_statistics", text="{word}")]],
                report="{word} has this many letters: {0[letters]}",
            ),
            TaskRule(
                task=r"Find the prime factors of the count of the first task",
                steps=[[call("prime_factors", n="{n1}")]],
                report="The prime factors of {n1} are {0}",
            ),
        ],
        answers=["{t1}. {t2}"],
    ),
    Script(
        goal=r"A guarantee of (?P<days>\d+) days starts today\. "
        r"On which date does it end, and on which day of the week\?",
        plan=["Find the date {days} days from today", "Find the day of the week of the date of the first task"],
        rules=[
            TaskRule(
                task=r"Find the date (?P<days>\d+) days from today",
                steps=[[call("today")], [call("add_days", date="{0}", days="{days}")]],
                report="{days} days after {0} it is {1}",
            ),
            TaskRule(
                task=r"Find the day of the week of the date of the first task",
                steps=[[call("weekday", date="{d1}")]],
                report="{d1} is a {0}",
            ),
        ],
        answers=["{t1}. {t2}"],
    ),
    Script(
        goal=r"A wall is (?P<width>\d+) feet wide and (?P<height>\d+) feet high\. A litre of paint covers "
        r"(?P<cover>\d+) square metres\. How many litres do (?P<coats>\d+) coats take\?",
        plan=[
            "Multiply {width} by {height} to get the area of the wall in square feet",
            "Convert the square feet of the first task to square metres",
            "Calculate the litres of paint for {coats} coats on the area of the second task, {cover} m^2 a litre",
        ],
        rules=[
            TaskRule(
                task=r"Multiply (?P<width>\d+) by (?P<height>\d+) to get the area of the wall in square feet",
                steps=[[call("calculate", expression="{width} * {height}")]],
                report="The area in square feet is {0}",
            ),
            TaskRule(
                task=r"Convert the square feet of the first task to square metres",
                steps=[[call("convert_units", value="{n1}", from_unit="square foot", to_unit="m^2")]],
                report="{n1} square feet are, in square metres, {0}",
            ),
            TaskRule(
                task=r"Calculate the litres of paint for (?P<coats>\d+) coats on the area of the second task, "
                r"(?P<cover>\d+) m\^2 a litre",
                steps=[[call("calculate", expression="{n2} * {coats} / {cover}")]],
                report="{coats} coats take, in litres, {0}",
            ),
        ],
        answers=["{t3}"],
    ),
    Script(
        goal=r"(?P<amount>\d+) euros earn (?P<rate>\d+)% a year for (?P<years>\d+) years, interest included\. "
        r"What are they worth at the end, and how much of it is interest\?",
        plan=[
            "Calculate what {amount} euros are worth after {years} years at {rate}% compound interest",
            "Subtract {amount} from the result of the first task",
        ],
        rules=[
            TaskRule(
                task=r"Calculate what (?P<amount>\d+) euros are worth after (?P<years>\d+) years "
                r"at (?P<rate>\d+)% compound interest",
                steps=[[call("calculate", expression="round({amount} * (1 + {rate} / 100) ** {years}, 2)")]],
                report="At the end, they are worth in euros {0}",
            ),
            TaskRule(
                task=r"Subtract (?P<amount>\d+) from the result of the first task",
                steps=[[call("calculate", expression="round({n1} - {amount}, 2)")]],
                report="Of {n1} euros, the interest is {0}",
            ),
        ],
        answers=["{t2}"],
    ),
)
