"""Every invariant in words: what holds, when, how it is judged, what to do when it is broken, or why there is none.

`python -m lib.doctor` and docs/proof.md say them from here (`make docs`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class When(StrEnum):
    """When an invariant must hold."""

    ALWAYS = "always"
    CLEAN = "after a clean order_monitor"
    REST = "at rest"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One invariant. `absent` says why it does not apply; the others are then empty."""

    id: str
    holds: str
    when: When = When.ALWAYS
    judged: str = ""
    do: str = ""
    absent: str = ""


EVENT = "put the row back as its last event has it: python -m lib.explain TRADE shows them"
BUG = "halt entries (python -m lib.control halt), keep the database as it is, report it"
NEXT = "nothing at first, the next passes mend it; if it stays,"
APP = "compare the symbol in the broker's app with python -m lib.status"

_ALL = (
    Promise(
        id="I1",
        holds="No decision is ever sent twice: the broker never has two live entries of one decision, and no entry "
        "that nobody asked for.",
        judged="the broker's orders under our ids against the journal",
        do="cancel the entry too many in the broker's app; then " + BUG,
    ),
    Promise(
        id="I2",
        holds="Every share that a trade owns is under a live stop, and no stop is larger than what is owned.",
        when=When.CLEAN,
        judged="live stops at the broker against position rows and positions; doctor, too, looks at the present moment",
        do=f"{NEXT} place a stop in the broker's app and read why order_monitor fails",
    ),
    Promise(
        id="I3",
        holds="No exit of ours opens a position: live exits are never for more than is held, none goes through zero.",
        judged="live exits against positions; fills in their order; after a clean order_monitor also the position rows",
        do=f"cancel the exit too many in the broker's app; {APP}",
    ),
    Promise(
        id="I4",
        holds="The result of a closed trade is the sum of the broker's own fills, and the account's cash is what they "
        "and the fees come to, to the cent.",
        when=When.REST,
        judged="the journal against the broker's FILL activities; the cash where the whole history is known",
        do="python order_monitor.py --backfill --since DATE, then compare again",
    ),
    Promise(
        id="I5",
        holds="Open trades and your own shares add up to what the broker holds, symbol by symbol; each fill is booked.",
        when=When.REST,
        judged="position rows and changes of quantity against the broker's positions and fills",
        do=f"{NEXT} {APP}",
    ),
    Promise(
        id="I6",
        holds="Every order of ours at the broker has one row, and every row that was sent has its order.",
        when=When.REST,
        judged="order rows against the broker's orders: status and filled quantity",
        do=f"{NEXT} python order_monitor.py --backfill --since DATE",
    ),
    Promise(
        id="I7",
        holds="A trade never opens more than was decided, amendments included.",
        judged="the fills of its entries against the planned quantity",
        do="was a row changed by hand? Then " + EVENT,
    ),
    Promise(
        id="I8",
        holds="A trade never closes more than it had.",
        judged="the fills of its exits against those of its entries and what splits added",
        do="was a row changed by hand? Then " + EVENT,
    ),
    Promise(
        id="I9",
        holds="No fill is worse than the limit of its order.",
        judged="fill rows against the limits of their orders",
        do="ask the broker about that fill; was a row changed by hand? Then " + EVENT,
    ),
    Promise(
        id="I10",
        holds="Nothing goes backwards: filled quantities never fall, an order that ended stays so, a trade moves "
        "only ORDERED, POSITION, CLOSED or to CANCELLED.",
        when=When.AUDIT,
        judged="the events of each row in their order, and the row as it is; between two looks, the rows themselves",
        do=EVENT,
    ),
    Promise(
        id="I11",
        holds="The tables agree: a trade in POSITION has a position row with shares, a CLOSED one has none and a whole "
        "result.",
        judged="journal rows against position rows",
        do=EVENT,
    ),
    Promise(
        id="I12",
        holds="One hand at a time works an account, and no two writers ever write the same version of a row.",
        when=When.AUDIT,
        judged="the version of each row against the number of its events",
        do="was a row changed by hand, or does another host use this database? Stop one of them, then " + EVENT,
    ),
    Promise(
        id="I13",
        holds="No entry is sent into a quote that is missing, zero, crossed or too old.",
        judged="the quote that is stored with each claim; exits that go by a quote are judged by their own tests",
        do="compare quote and price in the journal; does the account's subscription have market data? Then " + BUG,
    ),
    Promise(
        id="I14",
        holds="Nothing is sent before it is written down: each order at the broker was stored here first.",
        judged="the broker's orders against order rows, by our id and by time; a crash between the two shows it",
        do="the database was restored, or a row was deleted: python order_monitor.py --backfill --since DATE",
    ),
    Promise(
        id="I15",
        holds="The audit trail is permanent: no row of journal, orders, fills or changes of quantity is ever gone.",
        when=When.AUDIT,
        judged="the rows that events name against the rows there are; between two looks, the rows themselves",
        do="a row was deleted by hand: " + EVENT,
    ),
    Promise(
        id="I16",
        holds="Every row is what its last event says: whoever changes a row past the system is seen.",
        when=When.AUDIT,
        judged="rows against events, column by column, those of a person left out. Events are no chain of "
        "hashes: who can write the database can write them too, and a chain without a foreign witness does not help",
        do=EVENT,
    ),
    Promise(
        id="I17",
        holds="A grid works each cell once: no more rests on a side of it than its lot, exits never exceed what it "
        "holds and come after its first order has ended; its orders never meet each other, and no name is used twice.",
        judged="live orders at the broker against its rows, fills and numbers; orders and cells after a clean "
        "order_monitor",
        do=f"{NEXT} stop the grid (python -m lib.grid stop), cancel the order too many in the broker's app; then {BUG}",
    ),
    Promise(
        id="I18",
        holds="Every order at the broker is to the last field what was frozen with its intent, and an invalid row "
        "sends nothing.",
        judged="the broker's orders against stored bodies; fuzzed rows through the whole way",
        do="was it edited by another program? Cancel it in the broker's app; the next pass places its own",
    ),
    Promise(
        id="I19",
        holds="Times are in their order: sent before filled, opened before closed. All are UTC with a zone, by the "
        "columns' types.",
        judged="the times of orders and trades; where the broker's stand beside ours, the clocks have a minute",
        do="set this host's clock right; was a row changed by hand? Then " + EVENT,
    ),
    Promise(
        id="I20",
        holds="While REDUCING, HALTED or FROZEN is in force nothing is sent that adds exposure; protection stays.",
        judged="entries against the control rows in force; that protection stays is I2",
        do="cancel that entry in the broker's app, then " + BUG,
    ),
    Promise(
        id="I21",
        holds="Orders only ever go to the broker account that this database belongs to.",
        judged="the number that the broker answers with, first of all in each pass, which freezes the account at once",
        do="set the keys of the account that is pinned: python -m lib.control pin --help",
    ),
    Promise(
        id="I22",
        holds="Entries reach the broker only from a quarter of an hour after the open to half an hour before the close "
        "of a real session.",
        judged="the broker's times of entries against the calendar",
        do="is this host's clock right? Then " + BUG,
    ),
    Promise(
        id="I23",
        holds="Code and database are of the same schema, or nothing is done.",
        judged="the version row, first of all in each pass and command",
        do="as it says: python -m lib.store init brings an older database up, make upgrade an older code",
    ),
    Promise(
        id="I24",
        holds="No session has more entries, in all or in one symbol, than the limits allow; requests stay below the "
        "broker's 200 a minute.",
        judged="claims of the session since the limits are known; the rate by the paper broker, which refuses what is "
        "beyond it",
        do="nothing if you have just lowered a limit; else " + BUG,
    ),
    Promise(
        id="I25",
        holds="What a pass stops or leaves undone is an open alert until it is over; a notifier that fails changes "
        "no trade.",
        when=When.AUDIT,
        judged="the newest passes and what stages stopped against the events of alerts",
        do="read python -m lib.status instead of waiting for a message, and report it",
    ),
    Promise(
        id="I26",
        holds="No key is ever written into the database or a log.",
        when=When.AUDIT,
        judged="the files themselves, searched for the keys of the settings",
        do="make new keys at the broker and delete the old ones; then remove the file, and report it",
    ),
    Promise(
        id="I27",
        holds="No text of a row becomes a formula in a spreadsheet or a script in a page.",
        absent="nothing writes spreadsheets or pages from rows yet",
    ),
    Promise(
        id="I28",
        holds="No endpoint changes anything without a key; no connection goes where the broker is not.",
        absent="the stages serve no endpoint; which addresses may be set at all is judged by the tests of settings",
    ),
    Promise(
        id="I29",
        holds="What is at stake stays within the limits: cost of an entry, open trades, share of the account in one "
        "symbol and in all.",
        judged="entries sent since the limits are known, orders of unknown outcome as if filled",
        do="nothing if you have just lowered a limit; else " + BUG,
    ),
    Promise(
        id="I30",
        holds="Once a session has lost too much no entry is sent until the next one, or until a person accepts it.",
        judged="entries against the control row of the day's loss, and against the loss counted anew",
        do="cancel that entry in the broker's app, then " + BUG,
    ),
    Promise(
        id="I31",
        holds="A stage that runs again over an unchanged world sends nothing and changes no row.",
        when=When.REST,
        judged="two looks around a pass of each stage",
        do=BUG,
    ),
    Promise(
        id="I32",
        holds="A bad row stops no good one: valid decisions come to the same whatever stands beside them.",
        when=When.REST,
        judged="two worlds, one of them with the bad rows",
        do="approve the good decisions alone, and report it",
    ),
    Promise(
        id="L1",
        holds="Every approved decision has an answer once its entry window is over: ordered, rejected or expired.",
        when=When.AUDIT,
        judged="decisions against order_executor's clean passes since",
        do="read its execution_note; python -m lib.status says why passes fail",
    ),
    Promise(
        id="L2",
        holds="What ends at the broker has ended here within two passes, a trade without shares too; a trade that "
        "ended leaves no live order.",
        when=When.REST,
        judged="the broker's orders and the order rows against the two newest clean passes",
        do=f"{NEXT} python order_monitor.py --backfill --since DATE",
    ),
    Promise(
        id="L3",
        holds="Where order_monitor has not ended clean for three intervals of a session an alert says so, and no pass "
        "runs for longer than cron lets it.",
        judged="the newest passes against the open alerts; that nothing runs at all only HEARTBEAT_URL can tell",
        do="read var/log/order_monitor.log, or run python order_monitor.py by hand",
    ),
    Promise(
        id="L4",
        holds="Three clean passes after the last fault, of the stage whose work it is, all is as if it had never been.",
        when=When.REST,
        judged="everything that holds at rest, after each clean pass that follows a fault",
        do=BUG,
    ),
)

PROMISES: Mapping[str, Promise] = {promise.id: promise for promise in _ALL}


def promise_of(name: str) -> Promise:
    """Return the promise that a judge of the catalogue is for: some have two, as `I4` and `I4 cash`."""
    return PROMISES[name.partition(" ")[0]]
