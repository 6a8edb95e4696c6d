"""What may be switched about the exchange's behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def seconds(count: Decimal) -> timedelta:
    """Return a switch's seconds as a length of time, to the microsecond."""
    return timedelta(microseconds=int(count * 1_000_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Switches of the exchange; the defaults are what Alpaca's paper account does."""

    seed: int = 1
    cash: Decimal = Decimal(100_000)
    partial_fill_rate: Decimal = Decimal("0.1")
    """Share of eligible fills that are partial, of random size; Alpaca's paper does one in ten."""
    fill_plan: Mapping[str, tuple[Decimal, ...]] = field(default_factory=dict)
    """Sizes of the first executions of one order, by its client_order_id; 0 lets one evaluation pass without a fill.

    A leg, whose own id the broker makes, goes by `<client_order_id of its parent>:stop` or `:target`.
    """
    multiplier: Decimal = Decimal(2)
    """How many times its equity the account may buy; 1 is an account without margin, which sells nothing short."""
    shorting: bool = True
    """Whether the account may sell short at all, with margin and the owner's leave."""
    list_lag_s: Decimal = Decimal(0)
    """Lists show orders as they stood so long ago, those younger not at all; an order by its id is as it stands."""
    booking_lag_s: Decimal = Decimal(0)
    """For so long after a fill, positions do not show it and an OCO does not see it."""
    cancel_latency_s: Decimal = Decimal(0)
    """For so long after a cancel is taken in the session, the order is `pending_cancel` and may still fill."""
    release_lag_s: Decimal = Decimal(0)
    """For so long after a cancel is done, the shares of a canceled order are still set aside."""
    ack_latency_s: Decimal = Decimal(0)
    """For so long after an order is taken in the session, it is `pending_new` and does not fill."""
    oco_stop_follows_target: bool = True
    """Whether a target that fills in part leaves the stop the rest, as Alpaca's documents say.

    If not, the stop stays `held` with its whole quantity and never elects: a user's report of 2022 (forum 11097).
    """
    oco_stop_cancels_target: bool = False
    """Whether a stop that fills in part ends its target, as Alpaca's staff puts it (forum 3697).

    If not, the target keeps working for the rest. No source says which, so the one that can still fill both.
    """
    oco_target_ends_replaced: bool = False
    """Whether the target of a stop that filled ends `replaced` by the stop, as in older reports, and not `canceled`."""
    oco_both_legs_may_fill: bool = False
    """Whether the other leg may fill for a minute more after one has filled, as Alpaca warns for fast markets."""
    replace_latency_s: Decimal = Decimal(0)
    """For so long after a replacement is taken in the session, the order is `pending_replace` and may still fill."""
    oto_replaceable: bool = False
    """Whether the orders of an OTO may be replaced. The docs say not yet; a user's OTO was refused a new qty alone."""
    group_entry_by_stop: bool = False
    """Whether a bracket or OTO may enter by a stop: refused to a user in 2020, shown in a client's guide of 2026."""
    cls_cutoff_late: bool = False
    """Whether CLS orders are taken until 15:55, as the refusal has it, and not 15:50, as the docs say."""
    extended_hours_day_only: bool = False
    """Whether orders for extended hours are DAY orders alone, as the docs say; the refusal has GTC too."""
    at_once_refused_outside_session: bool = False
    """Whether IOC and FOK are refused outside the session; no source, so they are taken and end without a fill."""
    group_entry_beside_position: bool = False
    """Whether a bracket or OTO may enter what is held or has a live order; users' brackets were refused."""
    wash_trade_resting_complex_exempt: bool = False
    """Whether a resting OCO or trailing stop lets a later plain opposite order pass; not documented, so strict."""
    wash_trade_new_complex_exempt: bool = True
    """Whether a new OCO or trailing stop passes beside a plain opposite order, as the docs say; measured by nobody."""
    short_values_signed: bool = True
    """Whether quantity, value and cost of a short position are below zero, as users saw them."""
    sip_subscription: bool = True
    """Whether the account may see the SIP at once; without, its latest is refused and its last 15 minutes are too."""
    crypto_taker_bps: Decimal = Decimal(25)
    crypto_maker_bps: Decimal = Decimal(15)
    """The fee of coins in basis points: of what fills as it comes, and of a limit that rested first; tier 1."""
    crypto_fee_coin_digits: int = 9
    crypto_fee_money_digits: int = 2
    """To how many digits after the point the fee of coins is rounded up, in coins of a buy and in money of a sale."""
    stock_fee_bps: Decimal = Decimal(0)
    """A fee on each execution of a stock in basis points, taken in money and posted at once; Alpaca has none."""
    regulatory_fees: bool = False
    """Whether SEC, TAF and CAT fees of stocks are charged.

    Alpaca's docs say that paper does not, so by default they are not, and cash is what fills say; rows of a paper
    account of September 2026 have all three, so the profile alpaca-paper charges them.
    """
    corporate_actions: bool = True
    """Whether splits, new names, mergers and removals change positions; a report of old says that paper ignored splits.

    Prices follow them all the same.
    """
    splits_touch_orders: bool = True
    """Whether a split cancels or adjusts orders that rest, as Alpaca's docs say of it; if not, all stay as they are."""
    dividends: bool = False
    """Whether cash dividends are paid; Alpaca's docs say that paper does not."""
