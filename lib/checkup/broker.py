"""One account at the broker: keys, number, paper or live, clock, quotes. Three requests, all of them reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from lib.config import LIVE
from lib.domain.facts import AccountFacts, Quote
from lib.domain.records import Account
from lib.errors import PipelineError
from lib.market import sessions_around
from lib.planning.skew import NOTED, clock_skew, in_words, is_bearable
from lib.tools import Tools
from lib.views.advice import ADVICE
from lib.views.checkup import LATER, PERSON, Finding

WATCHED = ("SPY", "AAPL")
"""Traded every second of a session; the built-in broker has recorded prices of the second."""


def at_the_broker(tools: Tools, row: Account, environment: str) -> Iterator[Finding]:
    """Ask for the account and for quotes; where the first fails there is no asking on."""
    name = row.account
    asked_at = tools.clock.now()
    try:
        facts = tools.broker.account()
    except PipelineError as error:
        yield failed("keys", error, name)
        return
    skew = clock_skew(facts.at, asked_at=asked_at, answered_at=tools.clock.now())
    yield Finding(name="keys", what=f"accepted by {tools.broker.where}", account=name)
    yield number(facts, row, environment)
    yield clock(skew, name)
    try:
        quotes = tools.broker.quotes(WATCHED)
    except PipelineError as error:
        yield failed("quotes", error, name)
        return
    now = tools.clock.now()
    trading = tools.always_open or any(s.open <= now < s.close for s in sessions_around(tools.state_dir, now))
    yield data(tuple(quotes.values()), now, tools.limits.quote_age_max, name, trading=trading)


def failed(name: str, error: PipelineError, account: str | None = None) -> Finding:
    """Say what an error says, at the level of its exit code."""
    person = error.exit_code != LATER
    do = "as it says; then run this again" if person else "nothing at first: the next pass tries again"
    what = " ".join(str(error).split()).removeprefix(f"{name} ")
    return Finding(name=name, what=what, level=PERSON if person else LATER, do=do, account=account)


def number(facts: AccountFacts, row: Account, environment: str) -> Finding:
    """Compare the account that the keys reach with the one that the database belongs to."""
    reached = f"{environment} account {facts.account_number}"
    if row.account_number is None and environment == LIVE:
        do = f"python -m lib.control pin {facts.account_number} --account {row.account}, if it is the one you mean"
        return Finding(name="account", what=f"{reached}, not pinned", level=PERSON, do=do, account=row.account)
    if row.account_number is None:
        return Finding(name="account", what=f"{reached}, not pinned yet: the first pass pins it", account=row.account)
    if row.account_number != facts.account_number:
        what = f"the keys reach the {reached}, the database is pinned to {row.account_number}"
        do = "set the keys of the account that is pinned; python -m lib.control pin --help says how to change it"
        return Finding(name="account", what=what, level=PERSON, do=do, account=row.account)
    if facts.blocked:
        what, do = f"{reached}, pinned: the broker has blocked it", "ask the broker why; no entries until then"
        return Finding(name="account", what=what, level=PERSON, do=do, account=row.account)
    return Finding(name="account", what=f"{reached}, pinned", account=row.account)


def clock(skew: timedelta, account: str) -> Finding:
    """Judge how far our clock is off."""
    if abs(skew) <= NOTED:
        return Finding(name="clock", what="within seconds of the broker's", account=account)
    level = LATER if is_bearable(skew) else PERSON
    return Finding(name="clock", what=in_words(skew), level=level, do=ADVICE["CLOCK"], account=account)


def data(quotes: Sequence[Quote], now: datetime, age_max: timedelta, account: str, *, trading: bool) -> Finding:
    """Judge the age of the newest quote: in the session it has to be fresh enough to enter by."""
    if not quotes:
        what, do = f"no quote of {' or '.join(WATCHED)}", "does the account's subscription have market data?"
        return Finding(name="quotes", what=what, level=LATER, do=do, account=account)
    newest = max(quotes, key=lambda quote: quote.at)
    age = max(now - newest.at, timedelta(0))
    shown = f"{newest.symbol} {age // timedelta(seconds=1)} s old, from the broker's default feed"
    if not trading:
        return Finding(name="quotes", what=f"{shown}; nothing trades now", account=account)
    if age > age_max:
        do = "entries wait until quotes are fresh; if it stays, look at the broker's status page"
        return Finding(name="quotes", what=shown, level=LATER, do=do, account=account)
    return Finding(name="quotes", what=shown, account=account)
