"""Exact money, prices and quantities: Decimal from edge to edge, floats refused.

One constructor, `D`, and rounding functions whose names say the direction. Nothing else in the
domain turns text into numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation

ZERO = Decimal(0)
ONE = Decimal(1)
CENT = Decimal("0.01")
SIGNIFICANT_DIGITS_MAX = 18
AVERAGE_PLACES = Decimal("0.000000001")
"""Averages are kept to nine decimals, as Alpaca keeps quantities; sums as they are, if a store can (`storable`)."""


class NotMoney(ValueError):
    """The value is not an exact, finite number of at most 18 significant digits."""


def D(value: str | int | Decimal) -> Decimal:
    """Return `value` as an exact Decimal.

    Raises NotMoney for floats, booleans, text that is no plain number, NaN, infinities and more
    than 18 significant digits (what every store we know keeps exactly).
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise NotMoney(f"{value!r} is a {type(value).__name__}, not exact text, int or Decimal")
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        raise NotMoney(f"{value!r} is not a number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise NotMoney(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise NotMoney(f"{value!r} is not finite")
    if number != 0 and (abs(number.adjusted()) > SIGNIFICANT_DIGITS_MAX or _digits(number) > SIGNIFICANT_DIGITS_MAX):
        raise NotMoney(f"{value!r} has more than {SIGNIFICANT_DIGITS_MAX} significant digits")
    return number


def _digits(number: Decimal) -> int:
    # normalize() would round to the context's precision; stripping the text cannot.
    return len(format(number, "f").replace(".", "").replace("-", "").strip("0"))


def text(number: Decimal) -> str:
    """Write `number` in its one canonical form: no exponent, no trailing zeros, no minus zero."""
    if number == 0:
        return "0"
    plain = format(number, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def tick_size(price: Decimal) -> Decimal:
    """Return the smallest price step of US equities at `price` (Rule 612; Alpaca refuses finer).

    Two decimals from one dollar up, four below.
    """
    return CENT if price >= ONE else Decimal("0.0001")


def is_on_tick(price: Decimal) -> bool:
    """Say whether an exchange takes `price` as it stands."""
    return price % tick_size(price) == 0


def tick_down(price: Decimal) -> Decimal:
    """Round `price` down to its tick."""
    return step_down(price, tick_size(price))


def tick_up(price: Decimal) -> Decimal:
    """Round `price` up to its tick."""
    tick = tick_size(price)
    return (price / tick).to_integral_value(rounding=ROUND_CEILING) * tick


def whole_down(qty: Decimal) -> Decimal:
    """Round a quantity down to whole shares."""
    return qty.to_integral_value(rounding=ROUND_FLOOR)


def step_down(number: Decimal, step: Decimal) -> Decimal:
    """Round down to a whole multiple of `step`."""
    return (number / step).to_integral_value(rounding=ROUND_FLOOR) * step


def notional(fills: Iterable[tuple[Decimal, Decimal]]) -> Decimal:
    """Sum qty x price over (qty, price) pairs, exactly."""
    return sum((qty * price for qty, price in fills), ZERO)


def average_price(fills: Iterable[tuple[Decimal, Decimal]]) -> Decimal | None:
    """Average (qty, price) pairs by quantity, half-even to nine decimals; None without quantity."""
    pairs = tuple(fills)
    qty = sum((pair[0] for pair in pairs), ZERO)
    if qty == 0:
        return None
    return (notional(pairs) / qty).quantize(AVERAGE_PLACES, rounding=ROUND_HALF_EVEN).normalize() + ZERO


def storable(amount: Decimal) -> Decimal:
    """Return a computed amount as a store keeps it: as it is within 18 digits, else half-even to nine decimals.

    A coin's quantity and price have up to nine decimals each, their product has eighteen.
    """
    if _digits(amount) <= SIGNIFICANT_DIGITS_MAX:
        return amount
    return amount.quantize(AVERAGE_PLACES, rounding=ROUND_HALF_EVEN).normalize() + ZERO
