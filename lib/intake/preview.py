"""What the checks say of a decision before it is approved.

The rules are those of the stages. Only a word that a spreadsheet would take for a formula is refused here and not
there, because the stages would carry it into the journal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lib.domain.limits import Limits
from lib.domain.money import text
from lib.domain.records import Decision
from lib.domain.states import Action, Side
from lib.planning.deciding.broker_rules import cost_bounds, short_allowed, size_step, tradable, wash_trade
from lib.planning.deciding.checks import (
    CHECKS,
    Check,
    control,
    counts,
    daily_loss,
    duplicate,
    money,
    order_size,
    quoted,
    symbol_allowed,
    symbol_free,
)
from lib.planning.deciding.decisions import DECISION_COLUMNS, NewTrade, Refused, Request, is_request, read_decision
from lib.planning.deciding.number_checks import NumberCheck, given_qty, levels, price_bounds, refuse_numbers, style
from lib.planning.deciding.sizing import risk_per_share
from lib.views.decisions import CheckLine

OK = "ok"
REFUSED = "refused"
AT_THE_CLAIM = "at the claim"
NOT_REACHED = "not reached"

STYLE_WORD = re.compile(r"\w[\w -]{0,19}", re.ASCII)

PROBLEM_CHARS_MAX = 200

NUMBER_CHECK_NAMES: Mapping[NumberCheck, str] = {
    price_bounds: "prices",
    levels: "levels",
    style: "style",
    given_qty: "quantity",
}
CLAIM_CHECKS: Mapping[Check, tuple[str, str]] = {
    symbol_allowed: ("list", "the settings leave the symbol in"),
    tradable: ("symbol", "the broker knows and trades it"),
    control: ("control", "no halt, no block, the account as pinned, both calendars agree"),
    daily_loss: ("day", "the session has not lost too much"),
    duplicate: ("duplicate", "no other decision sent the same order in this session"),
    symbol_free: ("owner", "no other trade and no shares of your own in it"),
    order_size: ("size", "the limits allow at least one, and the order is not beyond them"),
    size_step: ("step", "the broker takes such a fraction"),
    cost_bounds: ("cost", "worth enough for the broker"),
    counts: ("counts", "decisions, open trades, orders of the run, the session, the symbol"),
    money: ("money", "risk, position, exposure, buying power"),
    short_allowed: ("short", "a short sale needs a stock and an account for it"),
    wash_trade: ("wash", "no order of our own rests that it would meet"),
    quoted: ("quote", "a fresh quote, and the entry not far through it"),
}


REQUEST_CHECKS = (
    ("trade", "it is there, and live: exactly one is meant"),
    ("state", "an entry that may still fill, or a position, as what is asked for needs"),
    ("levels", "in order, and not yet passed by the market"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A decision, what could be read of it, and what each check says."""

    trade: NewTrade | Request | None
    checks: tuple[CheckLine, ...]

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is wrong with it, one sentence each; empty for a decision that may be written and approved."""
        return tuple(line.says for line in self.checks if line.result == REFUSED)


def as_decision(account: str, columns: Mapping[str, str | bool | None]) -> Decision:
    """Return columns that are in no table yet as the row they would become."""
    values = {name: columns.get(name) for name in DECISION_COLUMNS}
    return Decision(id=0, account=account, version=0, **values)  # type: ignore[arg-type]


def judge(decision: Decision, limits: Limits, now: datetime) -> Judged:
    """Ask every check that needs nothing but the decision; name those that are asked at the claim."""
    problems = _unreadable(decision)
    trade = read_decision(decision)
    if is_request(decision):
        return _judge_request(trade, problems, now)
    claim = tuple(
        CheckLine(check=name, result=AT_THE_CLAIM, says=says) for name, says in (CLAIM_CHECKS[c] for c in CHECKS)
    )
    if not isinstance(trade, NewTrade):
        lines = [CheckLine(check="columns", result=REFUSED, says=problem) for problem in problems]
        lines += [CheckLine(check=n, result=NOT_REACHED, says="") for n in (*NUMBER_CHECK_NAMES.values(), "expiry")]
        return Judged(trade=None, checks=(*lines, *claim))
    lines = [CheckLine(check="columns", result=REFUSED, says=problem) for problem in problems] or [
        CheckLine(check="columns", result=OK, says=f"{Action.NEW_TRADE} {trade.symbol} {trade.side} {trade.style}")
    ]
    for check, name in NUMBER_CHECK_NAMES.items():
        refused = check(trade, limits)
        says = str(refused) if refused is not None else _good(name, trade, limits)
        lines.append(CheckLine(check=name, result=OK if refused is None else REFUSED, says=says))
    lines.append(_expiry(trade, now, "at the end of the first entry window after its approval"))
    judged = Judged(trade=trade, checks=(*lines, *claim))
    assert judged.wrong or refuse_numbers(trade, limits) is None, "a final check is missing from the preview"
    return judged


def _judge_request(read: NewTrade | Request | Refused, problems: Sequence[str], now: datetime) -> Judged:
    """Say what a CANCEL, AMEND or CLOSE would do; its trade is looked for when it is taken."""
    claim = tuple(CheckLine(check=name, result=AT_THE_CLAIM, says=says) for name, says in REQUEST_CHECKS)
    if not isinstance(read, Request):
        lines = [CheckLine(check="columns", result=REFUSED, says=problem) for problem in problems]
        return Judged(trade=None, checks=(*lines, *claim))
    columns = CheckLine(check="columns", result=OK, says=_asked_in_words(read))
    expiry = _expiry(read, now, "at the close of the first session that opens after its approval")
    return Judged(trade=read, checks=(columns, expiry, *claim))


def _asked_in_words(request: Request) -> str:
    """Say what a request asks for, and of which trade."""
    which = f"decision {request.target_decision_id}" if request.target_decision_id else f"the live {request.symbol}"
    match request.action:
        case Action.CANCEL:
            return f"cancel the entry of {which}"
        case Action.CLOSE:
            how = "at market" if request.close_price is None else f"at {text(request.close_price)} or better"
            return f"close {which} {how}"
    asked = {"entry": request.entry, "stop": request.stop, "target": request.target, "qty in all": request.qty}
    named = ", ".join(f"{name} {text(value)}" for name, value in asked.items() if value is not None)
    return f"amend {which}: {named}"


def in_words(decision: Decision) -> str:
    """Write a decision as a trader says it; one that cannot be read, as it stands."""
    trade = read_decision(decision)
    if isinstance(trade, Refused):
        written = (decision.symbol, decision.planned_entry, decision.planned_sl, decision.planned_tp)
        return " / ".join(value or "–" for value in written)
    if isinstance(trade, Request):
        return _asked_in_words(trade)
    qty = "" if trade.qty is None else f"{text(trade.qty)} "
    target = "" if trade.target is None else f", target {text(trade.target)}"
    trail = "" if trade.trail_percent is None else f", trail {text(trade.trail_percent)} %"
    verb = "buy" if trade.side == Side.LONG else "sell short"
    return f"{verb} {qty}{trade.symbol} at {text(trade.entry)}, stop {text(trade.stop)}{target}{trail}"


def canonical(trade: NewTrade | Request) -> dict[str, str | bool | None]:
    """Return the columns that say exactly this decision, each in its one plain form."""
    expires_at = None if trade.expires_at is None else trade.expires_at.isoformat().replace("+00:00", "Z")
    if isinstance(trade, Request):
        asked = {
            "planned_entry": trade.entry,
            "planned_sl": trade.stop,
            "planned_tp": trade.target,
            "qty": trade.qty,
            "close_price": trade.close_price,
        }
        return {
            "symbol": trade.symbol,
            "action": trade.action.value,
            "side": None,
            "trade_style": trade.style,
            "target_decision_id": None if trade.target_decision_id is None else str(trade.target_decision_id),
            **{name: None if value is None else text(value) for name, value in asked.items()},
            "expires_at": expires_at,
        }
    numbers = {
        "planned_entry": trade.entry,
        "planned_sl": trade.stop,
        "planned_tp": trade.target,
        "qty": trade.qty,
        "trail_percent": trade.trail_percent,
    }
    return {
        "symbol": trade.symbol,
        "action": Action.NEW_TRADE.value,
        "side": trade.side,
        "trade_style": trade.style,
        **{name: None if value is None else text(value) for name, value in numbers.items()},
        "expires_at": expires_at,
    }


def _unreadable(decision: Decision) -> list[str]:
    """Name everything that cannot be read: the rule stops at a wrong action or symbol, so it is asked again without."""
    problems = []
    refused = read_decision(decision)
    if isinstance(refused, Refused) and refused.code == "ACTION":
        problems.append(str(refused))
        decision = replace(decision, action=Action.NEW_TRADE.value)
        refused = read_decision(decision)
    if isinstance(refused, Refused) and refused.code == "SYMBOL":
        problems.append(str(refused))
        refused = read_decision(replace(decision, symbol="A"))
    if isinstance(refused, Refused):
        problems += [f"{refused.code}: {reason}" for reason in refused.reason.split("; ")]
    word = unicodedata.normalize("NFKC", decision.trade_style or "").strip()
    if word and not STYLE_WORD.fullmatch(word):
        problems.append(f"STYLE: trade_style {word!r} is not a word of at most 20 letters and digits")
    return [problem if len(problem) <= PROBLEM_CHARS_MAX else f"{problem[:PROBLEM_CHARS_MAX]}…" for problem in problems]


def _good(name: str, trade: NewTrade, limits: Limits) -> str:
    """Say what a check found right."""
    then = "<" if trade.side == Side.LONG else ">"
    target = "" if trade.target is None else f" {then} {text(trade.target)}"
    match name:
        case "prices":
            return "within bounds, on the exchange's tick"
        case "levels":
            gain = "" if trade.target is None else f", {text(abs(trade.target - trade.entry))} to gain"
            order = f"{text(trade.stop)} {then} {text(trade.entry)}{target}"
            return f"{order}: {text(risk_per_share(trade))} a share at risk{gain}"
        case "style" if trade.style == "SWING":
            return "SWING: guarded by a stop and a target in one order"
        case "style" if trade.trail_percent is not None:
            return f"{trade.style}: guarded by a stop that trails by {text(trade.trail_percent)} %"
        case "style":
            unused = "; the target places no order" if trade.target is not None else ""
            return f"{trade.style}: guarded by a stop{unused}"
        case _ if trade.qty is not None:
            how_many = "1 share" if trade.qty == 1 else f"{text(trade.qty)} shares"
            return f"{how_many}, {text(trade.qty * trade.entry)} in all"
        case _:
            risk, share = (text(part * 100) for part in (limits.risk_per_trade, limits.position_share_max))
            return f"sized at the claim: {risk} % of the account at risk, {share} % of it at most"


def _expiry(trade: NewTrade | Request, now: datetime, without: str) -> CheckLine:
    if trade.expires_at is None:
        return CheckLine(check="expiry", result=OK, says=without)
    at = f"{trade.expires_at:%Y-%m-%d %H:%M} UTC"
    if trade.expires_at <= now:
        return CheckLine(check="expiry", result=REFUSED, says=f"EXPIRED: expires_at {at} has passed")
    return CheckLine(check="expiry", result=OK, says=at)
