"""ivr scenarios: the scripted calls of each centre, what came of them, and which branches no call takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from ivr.cli.folders import FOLDER, LANG, get_centres, load_catalogues
from ivr.cli.output import say, show_json
from ivr.dialplan.problem import Problem
from ivr.dialplan.scenarios import load_scenarios
from ivr.domain.centre import Centre
from ivr.domain.coverage import Edge, edges
from ivr.domain.flow import targets
from ivr.errors import OperatorError
from ivr.testing.scenarios import Verdict, run


@click.command()
@FOLDER
@click.option("--min-coverage", type=click.FloatRange(0, 100), default=0.0, help="Percent of branches; less fails.")
@click.option("--only", help="Run only scenarios with this text in their names.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@LANG
def scenarios(folder: Path | None, min_coverage: float, only: str | None, as_json: bool, lang: str) -> int:
    """Run every scenario of every centre below FOLDER; exit code 1 when one fails."""
    good = True
    told = []
    for path, centre in get_centres(folder, load_catalogues()).items():
        found, problems = load_scenarios(path, centre)
        verdicts = [run(centre, each) for each in found if only is None or only in each.name]
        if only is not None and found and not verdicts:
            raise OperatorError(f"{centre.id} has no scenario with {only!r} in its name")
        good = good and not problems and not any(verdict.failures for verdict in verdicts)
        coverage = _Coverage(centre, verdicts)
        good = good and (coverage.percent >= min_coverage or only is not None)
        if as_json:
            told.append(_as_json(centre, verdicts, problems, coverage))
        else:
            _show(centre, verdicts, problems, coverage, min_coverage, lang)
    if as_json:
        show_json(told)
    return 0 if good else 1


class _Coverage:
    """Branches and nodes that the scenarios take, of those there are."""

    def __init__(self, centre: Centre, verdicts: list[Verdict]) -> None:
        self.edges = edges(centre)
        taken: dict[Edge, int] = {}
        for verdict in verdicts:
            for edge in verdict.edges:
                taken[edge] = taken.get(edge, 0) + 1
        been = {node for verdict in verdicts if verdict.call is not None for node in verdict.call.nodes}
        order = list(centre.flow.nodes)
        self.missing_edges = sorted(self.edges - taken.keys(), key=lambda edge: (order.index(edge.node), edge.label))
        self.missing_nodes = [node for node in order if node not in been]
        self.nodes = len(order)

    @property
    def percent(self) -> float:
        return 100.0 if not self.edges else 100 * (1 - len(self.missing_edges) / len(self.edges))


def _show(
    centre: Centre,
    verdicts: list[Verdict],
    problems: tuple[Problem, ...],
    coverage: _Coverage,
    min_coverage: float,
    lang: str,
) -> None:
    for problem in problems:
        say(problem.line_in(lang))
    red = [verdict for verdict in verdicts if verdict.failures]
    for verdict in red:
        say(f"{verdict.scenario.file}:{verdict.scenario.line}: {verdict.scenario.name} FAILS")
        for failure in verdict.failures:
            say("    " + failure.replace("\n", "\n    "))
    if not verdicts:
        say(f"{centre.id}: no scenarios: write some in {centre.id}/scenarios/")
        return
    for node in coverage.missing_nodes:
        say(f"    no scenario comes to {node}")
    for edge in coverage.missing_edges:
        if edge.node not in coverage.missing_nodes:
            say(f"    no scenario takes {edge} {_target(centre, edge)}")
    nodes, taken = coverage.nodes - len(coverage.missing_nodes), len(coverage.edges) - len(coverage.missing_edges)
    say(
        f"{centre.id}: {len(verdicts) - len(red)} of {len(verdicts)} scenarios hold; "
        f"nodes {nodes} of {coverage.nodes}, branches {taken} of {len(coverage.edges)} ({coverage.percent:.1f} %)"
    )
    if coverage.percent < min_coverage:
        say(f"{centre.id}: fewer branches are covered than the {min_coverage:g} % asked for")


def _target(centre: Centre, edge: Edge) -> str:
    return targets(centre.flow.nodes[edge.node])[edge.label]


def _as_json(
    centre: Centre, verdicts: list[Verdict], problems: tuple[Problem, ...], coverage: _Coverage
) -> Mapping[str, object]:
    return {
        "centre": centre.id,
        "problems": [str(problem) for problem in problems],
        "scenarios": [
            {
                "name": verdict.scenario.name,
                "file": verdict.scenario.file,
                "line": verdict.scenario.line,
                "failures": list(verdict.failures),
                "path": verdict.call.nodes if verdict.call else None,
                "outcome": verdict.call.outcome if verdict.call else None,
            }
            for verdict in verdicts
        ],
        "coverage": {
            "percent": round(coverage.percent, 2),
            "missing_nodes": coverage.missing_nodes,
            "missing_branches": [[edge.node, edge.label] for edge in coverage.missing_edges],
        },
    }
