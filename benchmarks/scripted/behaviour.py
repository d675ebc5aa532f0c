"""The behaviour of the scripted model: its answer in each role, from a script and what a request shows.

What its rules do not cover it says, and then the run ends as it would with a model that is at a loss.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.scripted.script import Call, Groups, Missing, Repair, Script, TaskRule, fill
from benchmarks.scripted.shown import Outcome, Role, Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """A tool call as the model makes it."""

    tool: str
    arguments: Mapping[str, Any]


def answer(scripts: Sequence[Script], shown: Shown) -> list[ToolUse]:
    """The tool calls of the next response: of tools, or of the output tool."""
    script, groups = _script_for(scripts, shown.goal)
    if shown.role is Role.TASK_PLANNER:
        output = _plan(script, groups, shown)
    elif shown.role is Role.REFLECTOR:
        output = _reflect(script, groups, shown)
    else:
        move = _execute(script, groups, shown)
        if isinstance(move, list):
            return move
        output = move
    return [ToolUse(tool=shown.output_tool, arguments=output)]


def _script_for(scripts: Sequence[Script], goal: str | None) -> tuple[Script | None, Groups]:
    for script in scripts:
        match = re.fullmatch(script.goal, goal or "")
        if match:
            return script, match.groupdict()
    return None, {}


# -- the task planner -----------------------------------------------------------------------------------------------


def _plan(script: Script | None, groups: Groups, shown: Shown) -> dict[str, Any]:
    if script is None:
        return {"tasks": [], "questions": [_no_rule("goal", shown.goal)]}
    missing = [tool for tool in script.needed_tools() if tool not in shown.listed_tools]
    if missing:
        return {"tasks": [], "questions": [f"The goal needs the tool {missing[0]}, which is not listed. What now?"]}
    tasks = script.plan(groups) if callable(script.plan) else [fill(task, shown, groups) for task in script.plan]
    # First things first: 10, 9, 8...
    listed = [{"description": task, "priority": max(1, 10 - place)} for place, task in enumerate(tasks)]
    return {"tasks": listed, "questions": list(script.questions)}


# -- the executor ---------------------------------------------------------------------------------------------------


def _execute(script: Script | None, groups: Groups, shown: Shown) -> list[ToolUse] | dict[str, Any]:
    rule, task_groups = _rule_for(script, shown.task)
    if rule is None:
        return _report(_no_rule("task", shown.task), success=False)
    groups = {**groups, **task_groups}
    try:
        return _move(rule, groups, shown)
    except Missing as missing:
        return _report(str(missing), success=False)


def _rule_for(script: Script | None, task: str | None) -> tuple[TaskRule | None, Groups]:
    for rule in script.rules if script else ():
        match = re.fullmatch(rule.task, task or "")
        if match:
            return rule, match.groupdict()
    return None, {}


def _move(rule: TaskRule, groups: Groups, shown: Shown) -> list[ToolUse] | dict[str, Any]:
    """The next step of the rule; a turn in which something failed is repaired instead, and is no step."""
    failed = [turn for turn in shown.turns if not all(outcome.ok for outcome in turn)]
    if failed and failed[-1] is shown.turns[-1]:
        repairs = rule.repairs[len(failed) - 1 : len(failed)]
        return _repaired(repairs, failed[-1], groups, shown)
    steps_done = len(shown.turns) - len(failed)
    if steps_done < len(rule.steps):
        return [_use(call, groups, shown) for call in rule.steps[steps_done]]
    return _report(fill(rule.report, shown, groups), success=rule.success)


def _repaired(
    repairs: Sequence[Repair], turn: Sequence[Outcome], groups: Groups, shown: Shown
) -> list[ToolUse] | dict[str, Any]:
    errors = [outcome.text for outcome in turn if not outcome.ok]
    for repair in repairs:
        match = re.search(repair.error, errors[0])
        if match:
            return [_use(repair.call, {**groups, **match.groupdict()}, shown)]
    return _report(f"A tool failed: {errors[0]}", success=False)


def _use(call: Call, groups: Groups, shown: Shown) -> ToolUse:
    schemas = shown.offered_tools.get(call.tool)
    if schemas is None and not call.invented:
        raise Missing(f"the tool {call.tool} is not offered")
    arguments = {name: fill(text, shown, groups) for name, text in call.arguments.items()}
    typed = {name: _typed(text, (schemas or {}).get(name, {})) for name, text in arguments.items()}
    return ToolUse(tool=call.tool, arguments=typed)


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    """The argument as its schema asks for it; as text where it cannot be that."""
    if schema.get("type") not in ("integer", "number", "array", "boolean"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _report(output: str, *, success: bool) -> dict[str, Any]:
    return {"success": success, "output": output}


# -- the reflector --------------------------------------------------------------------------------------------------


def _reflect(script: Script | None, groups: Groups, shown: Shown) -> dict[str, Any]:
    if script is None:
        return {"done": False, "gaps": [_no_rule("goal", shown.goal)]}
    following = _following_task(script, shown)
    if following is not None:
        return {"done": False, "gaps": ["It goes on"], "new_tasks": [{"description": following}]}
    gaps = []
    for template in script.answers:
        try:
            return {"done": True, "answer": fill(template, shown, groups)}
        except Missing as missing:
            gaps.append(str(missing))
    detours = [{"description": task} for task in _detours(script, groups, shown)]
    return {"done": False, "gaps": gaps or ["There is no end to it"], "new_tasks": detours}


def _following_task(script: Script, shown: Shown) -> str | None:
    done = [result.text for result in shown.results.values() if result.status == "done"]
    return script.next_task(done[-1]) if script.next_task and done else None


def _detours(script: Script, groups: Groups, shown: Shown) -> list[str]:
    failed = [result.text for result in shown.results.values() if result.status == "failed"]
    return [
        fill(detour.task, shown, groups)
        for detour in script.detours
        if any(re.search(detour.report, report) for report in failed)
    ]


def _no_rule(kind: str, text: str | None) -> str:
    return f"The prompt shows no {kind}." if text is None else f"There is no rule for the {kind} {text!r}."
