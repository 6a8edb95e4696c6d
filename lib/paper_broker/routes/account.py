"""The account, and what its owner may set."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lib.paper_broker.answers import account as render_account
from lib.paper_broker.exchange.refusal import malformed
from lib.paper_broker.message import answer, read_json

if TYPE_CHECKING:
    from lib.paper_broker.call import Call
    from lib.paper_broker.message import Response

YES_NO = (True, False)
DAY_TRADE_CHECKS = ("both", "entry", "exit")
FOR_DAY_TRADERS = frozenset({"dtbp_check", "pdt_check"})
"""Settings that went with the pattern day trader rule on 2026-07-06: taken from older clients, kept nowhere."""
SETTINGS: dict[str, tuple[bool | int | str, ...]] = {
    "suspend_trade": YES_NO,
    "no_shorting": YES_NO,
    "fractional_trading": YES_NO,
    "ptp_no_exception_entry": YES_NO,
    "disable_overnight_trading": YES_NO,
    "max_margin_multiplier": ("1", "2", "4"),
    "trade_confirm_email": ("all", "none"),
    "max_options_trading_level": (0, 1, 2, 3),
    **dict.fromkeys(FOR_DAY_TRADERS, DAY_TRADE_CHECKS),
}
"""What the account's owner may set, and to what (AccountConfigurations in Alpaca's specification)."""


def show_account(call: Call) -> Response:
    """Show the account."""
    return answer(render_account.account(call.exchange))


def show_configurations(call: Call) -> Response:
    """Show what the account's owner has set."""
    return answer(render_account.configuration(call.exchange.book.account.configuration))


def change_configurations(call: Call) -> Response:
    """Set some of what the owner may set; null, which alpaca-py sends for what it does not know, changes nothing."""
    book, wanted = call.exchange.book, read_json(call.request)
    for name, value in wanted.items():
        allowed = SETTINGS.get(name)
        if allowed is None:
            raise malformed(f"unknown setting: {name}")
        if value is not None and (type(value) is not type(allowed[0]) or value not in allowed):
            raise malformed(f"invalid {name}: {value}")
    known: dict[str, Any] = {
        name: value for name, value in wanted.items() if value is not None and name not in FOR_DAY_TRADERS
    }
    book.account = replace(book.account, configuration=replace(book.account.configuration, **known))
    return show_configurations(call)
