"""Ledgers written by hand, in cents: the real stages must come to the same, fill by fill."""

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import at_rest
from lib.simulation.lifecycles import steps
from lib.store import queries
from tests.tools.sampling import some

LEDGERS = sorted((Path(__file__).parent / "ledgers").glob("*.toml"))


def read(path):
    return tomllib.loads(path.read_text(encoding="utf-8"))


def feed(written):
    paths = {}
    for symbol, prices in written["prices"].items():
        paths[symbol] = steps(*((tomllib.loads(f"at = {at}")["at"], price) for at, price in prices))
    return ScriptedFeed(paths)


def play(make_world, written):
    parts = {name: tuple(map(Decimal, qty)) for name, qty in written.get("fills_in_parts", {}).items()}
    options = Options(partial_fill_rate=Decimal(0), fill_plan=parts)
    made = make_world(written["starts"], feed(written), options=options)
    for decision in written["decisions"]:
        made.run_until(decision["at"])
        made.decide(**decision["row"])
    made.run_until(written["ends"])
    return made


@pytest.mark.parametrize("path", LEDGERS, ids=lambda path: path.stem)
@pytest.mark.sample
def test_a_ledger_written_by_hand_adds_up(path):
    for entry in read(path)["ledger"]:
        signs = {"buy": -1, "sell": 1}
        assert [line for line in entry["lines"] if signs[line[0]] * line[1] * line[2] != line[3]] == []
        assert sum(line[3] for line in entry["lines"]) == entry["result"]


@pytest.mark.case("fail-F4")
@pytest.mark.parametrize("path", some(LEDGERS, 2), ids=lambda path: path.stem)
def test_the_stages_come_to_the_ledger_to_the_cent(make_world, path):
    written = read(path)
    made = play(make_world, written)
    trades = {t.id: t for t in queries.journal(made.store, "main")}
    assert sorted(trades) == sorted(entry["trade"] for entry in written["ledger"])
    for entry in written["ledger"]:
        trade = trades[entry["trade"]]
        fills = [[f.side, f.qty, f.price * 100] for f in queries.fills_of(made.store, trade.id)]
        assert sorted(fills) == sorted(line[:3] for line in entry["lines"])
        assert (trade.status, trade.exit_reason) == ("CLOSED", entry["reason"])
        assert trade.actual_pnl * 100 == entry["result"]
    assert at_rest(made) == ()


@pytest.mark.sample
def test_there_are_ten_of_them():
    assert len(LEDGERS) >= 10
