"""Tables of docs/comparison.md, from what each tool answered; one that did not is shown with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from benchmarks.peers.environments import OURS, TOOLS
from benchmarks.peers.incidents import INCIDENTS, Incident
from benchmarks.peers.verdicts import judge

Results = Mapping[str, Mapping[str, Any]]
"""By tool: `environment`, `incidents`, `windows` and `speed`, each its lines or `{"error": reason}`."""

SHIFTED = "f0"
"""The column that windows of kind `shifted` have shifted."""

NOT_RUN = "not run"


def problem(results: Results, tool: str, task: str) -> str | None:
    """Why there is no answer of a tool to a task; None where there is."""
    answer = results.get(tool, {}).get(task)
    if answer is None:
        return NOT_RUN
    return f"{NOT_RUN}: {answer['error']}" if isinstance(answer, Mapping) and "error" in answer else None


def environments(results: Results) -> Iterator[str]:
    """What each tool takes to install."""
    yield "| tool | version | packages | on disk |"
    yield "|---|---|---:|---:|"
    for tool in TOOLS:
        if trouble := problem(results, tool, "environment"):
            yield f"| {tool} | {cell(trouble)} | | |"
            continue
        size = results[tool]["environment"]
        yield f"| {tool} | {size['version']} | {size['packages']} | {size['megabytes']:,.0f} MB |"


def incidents(results: Results) -> Iterator[str]:
    """A summary of verdicts, then a table for each incident."""
    yield "| | " + " | ".join(incident.title.lower() for incident in INCIDENTS) + " |"
    yield "|---|" + "---|" * len(INCIDENTS)
    for tool in TOOLS:
        yield f"| {tool} | " + " | ".join(summary(results, tool, incident) for incident in INCIDENTS) + " |"
    for incident in INCIDENTS:
        yield f"\n### {incident.title}\n\n{incident.happened}\n\n**Should be told:** {incident.wanted}\n"
        yield "| tool | used by | says | verdict |"
        yield "|---|---|---|---|"
        for tool in TOOLS:
            if trouble := problem(results, tool, "incidents"):
                yield f"| {tool} | | {cell(trouble)} | |"
                continue
            for said in answers(results, tool, incident):
                verdict = judge(incident, said)
                why = f": {verdict.why}" if verdict.why else ""
                words = cell(said.get("error") or said["words"])
                yield f"| {tool} | {said['setting']} | {words} | **{verdict.word}**{why} |"


def answers(results: Results, tool: str, incident: Incident) -> list[Mapping[str, Any]]:
    """A tool's answers to an incident: by its defaults, and by the best setting where there is one."""
    found = [said for said in results[tool]["incidents"] if said["incident"] == incident.key]
    return sorted(found, key=lambda said: said["by"] != "default")


def summary(results: Results, tool: str, incident: Incident) -> str:
    """One word by default, and another where the best setting says otherwise."""
    if problem(results, tool, "incidents"):
        return NOT_RUN
    words = [judge(incident, said).word for said in answers(results, tool, incident)]
    return words[0] if len(set(words)) == 1 else f"{words[0]}; set up for it: {words[1]}"


def alarms(results: Results) -> Iterator[str]:
    """Share of windows with a false alarm, and with the shift found."""
    yield (
        "| tool | rows | windows | any column called drifted | its own verdict on the window | "
        "shifted column found | columns named beside it |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for tool in TOOLS:
        if trouble := problem(results, tool, "windows"):
            yield f"| {tool} | | | {cell(trouble)} | | | |"
            continue
        for rows, lines in results[tool]["windows"].items():
            null = [line for line in lines if line["kind"] == "null"]
            shifted = [line for line in lines if line["kind"] == "shifted"]
            found = share([SHIFTED in line["drift"] for line in shifted])
            beside = sum(len(set(line["drift"]) - {SHIFTED}) for line in shifted) / len(shifted)
            yield (
                f"| {tool} | {int(rows):,} | {len(null)} | {share([bool(line['drift']) for line in null])} | "
                f"{share([line['alarm'] for line in null])} | {found} | {beside:.1f} |"
            )


def share(happened: list[bool]) -> str:
    """Per cent."""
    return f"{sum(happened) / len(happened):.0%}"


def speed(results: Results) -> Iterator[str]:
    """Medians of the rounds, beside ours."""
    yield "| tool | table | rounds | training rows | check | check, times ours | both, times ours | peak |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    for tool in TOOLS:
        if trouble := problem(results, tool, "speed"):
            yield f"| {tool} | | | {cell(trouble)} | | | | |"
            continue
        for shape, rounds in results[tool]["speed"].items():
            fit, check, peak = (medians(rounds)[key] for key in ("fit_seconds", "check_seconds", "peak_mb"))
            ratios = "| |"
            if shape in results.get(OURS, {}).get("speed", {}):
                ours = medians(results[OURS]["speed"][shape])
                whole = ours["fit_seconds"] + ours["check_seconds"]
                ratios = f"| {check / ours['check_seconds']:.1f} | {(fit + check) / whole:.1f} |"
            seconds = f"{fit:.3f} s | {check:.3f} s"
            yield f"| {tool} | {shape} | {len(rounds)} | {seconds} {ratios} {peak:,.0f} MB |"


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Of each number."""
    return {key: median(line[key] for line in rounds) for key in rounds[0]}


def cell(text: str) -> str:
    """Text that stays in its cell."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def placed(page: str, name: str, lines: Iterator[str]) -> str:
    """The page with the text between a section's marks written anew.

    Raises
    ------
    ValueError
        If the page has no such marks.
    """
    start, end = f"<!-- {name} -->\n", "\n<!-- end -->"
    before, found, rest = page.partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"found no part between {start.strip()} and {end.strip()}")
    return before + start + "\n" + "\n".join(lines) + "\n" + end + after
