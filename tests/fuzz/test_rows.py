"""Twenty thousand rows as nobody should write them, past the store into the table, and what becomes of each.

FUZZ_ROWS and FUZZ_SEED ask for another number and other rows.
"""

import os
import random
from collections import Counter
from itertools import islice

import pytest

from lib.simulation import fuzzing
from lib.simulation.fuzz import payloads, rows
from lib.simulation.fuzz.situations import SITUATIONS
from tests.test_docs import codes_of

ROWS = int(os.environ.get("FUZZ_ROWS", "20000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
MANY = 5

NOT_FROM_A_ROW = {"RESTORED": "order_monitor says it of a decision that was ordered before the database was restored"}
"""Refusals that no decision row brings about."""


PARTS = [(0, part) for part in range(6)] + [(n, 0) for n in range(1, len(SITUATIONS))]
"""In the first situation sound rows are ordered, and what is misread shows: it gets more rows than the others."""

SHARES = [ROWS // 20] * 6
SHARES += [(ROWS - sum(SHARES)) // (len(PARTS) - 6) + 1] * (len(PARTS) - 6)

A_ROUND = fuzzing.BATCH * 3 * len(SITUATIONS) // 2
"""Rows after which every situation had its turn: of three batches two are in others than the first."""


@pytest.mark.case("fail-J1", "fail-N5", "fail-I-8")
@pytest.mark.parametrize(
    ("n", "part", "count"),
    [(n, part, count) for (n, part), count in zip(PARTS, SHARES, strict=True)],
    ids=[f"{SITUATIONS[n].name}-{part}".replace(" ", "_") for n, part in PARTS],
)
def test_no_row_breaks_a_pass_or_becomes_an_order_that_it_does_not_say(n, part, count, record_property):
    outcome = fuzzing.fuzz(count, SEED + 100 * n + part, [SITUATIONS[n]])
    assert outcome.wrong == []
    assert SITUATIONS[n].reaches <= set(outcome.reasons)
    assert outcome.orders or n
    reached = ", ".join(f"{code} {count}" for code, count in sorted(outcome.reasons.items()))
    record_property("said", f"fuzzed rows, {SITUATIONS[n].name}: {outcome.rows}, {outcome.orders} orders; {reached}")


@pytest.mark.sample
def test_all_the_rows_that_are_promised_are_judged():
    assert ROWS <= sum(SHARES) < ROWS + len(SHARES)


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(1, MANY + 1))
def test_many_more_rows(seed):
    outcome = fuzzing.fuzz(A_ROUND, 1_000 * seed)
    assert outcome.wrong == []
    assert {code for situation in SITUATIONS for code in situation.reaches} == set(outcome.reasons)


@pytest.mark.sample
def test_every_situation_has_its_turn_in_one_long_run_and_in_many_short_ones():
    def met(seed, batches):
        return {each.name for each in islice(fuzzing.turns(SITUATIONS, random.Random(seed)), batches)}

    every = {each.name for each in SITUATIONS}
    assert met(1, A_ROUND // fuzzing.BATCH) == every
    assert set().union(*(met(seed, 5) for seed in range(100))) == every


@pytest.mark.slow
@pytest.mark.sample
def test_every_refusal_that_the_rules_know_has_a_situation_that_reaches_it():
    known = {code for code, _ in codes_of("Refused") if not code.startswith("GRID_")}  # those are of no decision
    aimed_at = {code for situation in SITUATIONS for code in situation.reaches}
    assert known - aimed_at == set(NOT_FROM_A_ROW)
    assert aimed_at <= known


@pytest.mark.sample
def test_the_corpus_holds_every_kind_of_text_and_no_kind_is_empty():
    corpus = rows.corpus()
    asked = {"sql", "shell", "html", "formula", "format", "prompt", "null", "direction", "combining", "emoji"}
    assert asked <= set(corpus["texts"])
    assert all(corpus["texts"].values())
    for name, written in corpus["undecodable"].items():
        with pytest.raises(UnicodeDecodeError):
            bytes.fromhex(written).decode()
        assert name
    assert max(len(text) for text in rows.texts()) == 10_000


@pytest.mark.sample
def test_the_same_seed_gives_the_same_rows():
    one, other = ([str(row) for row in rows.spoilt(300, 1, random.Random(7))] for _ in range(2))
    assert one == other
    assert [str(row) for row in rows.spoilt(300, 1, random.Random(8))] != one


@pytest.mark.sample
def test_every_column_is_spoilt_and_every_template_used():
    made = list(rows.spoilt(3_000, 1, random.Random(1)))[len(rows.AIMED) :]
    sound = {name: {template.get(name) for template in (*rows.ENTRIES, *rows.REQUESTS)} for name in rows.COLUMNS}
    untouched = {"account": "main", "version": 1, "Approve": 1}
    odd = Counter(
        name
        for row in made
        for name in rows.COLUMNS
        if name in row.cells and row.cells[name] not in {*sound[name], untouched.get(name)}
    )
    assert set(odd) == set(rows.COLUMNS)


GOOD_BODY = {
    "client_order_id": "sim-d1-entry-1",
    "symbol": "AAPL",
    "qty": "10",
    "side": "buy",
    "type": "limit",
    "time_in_force": "day",
    "position_intent": "buy_to_open",
    "limit_price": "150.25",
}
EXIT = GOOD_BODY | {"client_order_id": "sim-t1-exit-1", "side": "sell", "position_intent": "sell_to_close"}
OCO = {name: value for name, value in EXIT.items() if name != "limit_price"} | {
    "order_class": "oco",
    "time_in_force": "gtc",
    "take_profit": {"limit_price": "160"},
    "stop_loss": {"stop_price": "145"},
}
COIN = {name: value for name, value in GOOD_BODY.items() if name != "position_intent"} | {
    "symbol": "BTC/USD",
    "time_in_force": "gtc",
    "qty": "0.5",
    "limit_price": "100.123456789",
}


@pytest.mark.sample
@pytest.mark.parametrize("body", [GOOD_BODY, GOOD_BODY | {"qty": "1.5"}, EXIT, OCO, COIN])
def test_a_sound_order_has_no_flaw(body):
    assert payloads.flaws(body) == ()


@pytest.mark.sample
@pytest.mark.parametrize(
    ("body", "spoilt"),
    [
        (GOOD_BODY, {"qty": "1e2"}),
        (GOOD_BODY, {"qty": "0"}),
        (GOOD_BODY, {"qty": "-1"}),
        (GOOD_BODY, {"qty": "NaN"}),
        (GOOD_BODY, {"qty": 10.0}),
        (GOOD_BODY, {"qty": "0.1234567891"}),
        (GOOD_BODY, {"qty": "0.001"}),
        (GOOD_BODY, {"qty": "1.5", "time_in_force": "gtc"}),
        (GOOD_BODY, {"limit_price": "150.255"}),
        (GOOD_BODY, {"limit_price": "0.12345"}),
        (GOOD_BODY, {"limit_price": "0"}),
        (GOOD_BODY, {"stop_price": "140"}),
        (GOOD_BODY, {"symbol": "AAPL'--"}),
        (GOOD_BODY, {"symbol": "ААPL"}),
        (GOOD_BODY, {"side": "short"}),
        (GOOD_BODY, {"position_intent": "sell_to_open"}),
        (GOOD_BODY, {"position_intent": "buy_to_close"}),
        (GOOD_BODY, {"client_order_id": "sim-d1-entry-1" + "9" * 40}),
        (GOOD_BODY, {"client_order_id": "mine"}),
        (GOOD_BODY, {"notional": "100"}),
        (GOOD_BODY, {"type": "market"}),
        (GOOD_BODY, {"time_in_force": "ioc"}),
        (OCO, {"qty": "1.5"}),
        (OCO, {"stop_loss": {"stop_price": "160"}}),
        (OCO, {"stop_loss": None}),
        (COIN, {"side": "sell"}),
        (COIN, {"time_in_force": "day"}),
        (COIN, {"qty": "0.01"}),
        (COIN, {"qty": "5000"}),
    ],
)
def test_a_flaw_of_an_order_is_seen(body, spoilt):
    assert payloads.flaws(body | spoilt) != ()
