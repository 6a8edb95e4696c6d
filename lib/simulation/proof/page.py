"""The results of a proof, added up for its page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal

from lib.simulation.proof.campaign import Campaign
from lib.simulation.proof.tasks import GRIDS, LIFE, PAIRS, ROWS, Result
from lib.views.proof import BrokenSchedule, Counted, ProofLine, ProofPage, Span

WHAT = {
    PAIRS: "single faults and pairs",
    LIFE: "random schedules",
    GRIDS: "random grids",
    ROWS: "fuzzed decision rows",
}


def proof_page(campaign: Campaign, *, command: str, files: tuple[str, ...]) -> ProofPage:
    """Add up what was played."""
    results = campaign.results
    lines = tuple(_line(kind, [each for each in results if each.kind == kind]) for kind in WHAT)
    played = [line for line in lines if line.schedules]
    seconds = sum((line.seconds for line in played), Decimal(0))
    schedules = sum(line.schedules for line in played)
    broken = tuple(BrokenSchedule(schedule=name, said=said) for each in results for name, said in each.broken)
    return ProofPage(
        commit=campaign.commit,
        seed=campaign.seed,
        command=command,
        holds=not broken,
        cores=campaign.jobs,
        wall_minutes=_tenth(campaign.wall_s / 60),
        per_second=_tenth(schedules / float(seconds)) if seconds else Decimal(0),
        lines=lines,
        profiles=_counted(each.profiles for each in results),
        points=_counted(each.points for each in results),
        uncovered=_counted(each.uncovered for each in results),
        spans=_spans(results),
        convergence=_counted((each.convergence for each in results), by_name=True),
        reasons=_counted(each.reasons for each in results),
        broken=broken,
        files=files,
    )


def _line(kind: str, results: list[Result]) -> ProofLine:
    return ProofLine(
        what=WHAT[kind],
        schedules=sum(each.schedules for each in results),
        same=sum(each.same for each in results),
        joined=sum(each.joined for each in results),
        passes=sum(each.passes for each in results),
        rows=sum(each.rows for each in results),
        broken=sum(len(each.broken) for each in results),
        seconds=_tenth(sum(each.seconds for each in results)),
    )


def _counted(groups: Iterable[Mapping[str, int]], *, by_name: bool = False) -> tuple[Counted, ...]:
    total: Counter[str] = Counter()
    for group in groups:
        total.update(group)
    ordered = sorted(total.items()) if by_name else sorted(total.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Counted(name=name, count=count) for name, count in ordered)


def _spans(results: Iterable[Result]) -> tuple[Span, ...]:
    total: Counter[str] = Counter()
    for each in results:
        total.update(each.spans)
    found = ((*name.partition("|")[::2], count) for name, count in total.items())
    return tuple(Span(cause=cause, seconds_max=int(most), count=n) for cause, most, n in sorted(found, key=_by_length))


def _by_length(row: tuple[str, str, int]) -> tuple[str, int]:
    return row[0], int(row[1])


def _tenth(number: float) -> Decimal:
    return Decimal(number).quantize(Decimal("0.1"))
