"""What the exchange says no with: HTTP status, code, message and the extra keys of the body, in Alpaca's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.domain.money import text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

UNDECODABLE = 40010000
MALFORMED = 40010001
FORBIDDEN = 40310000
NOT_FOUND = 40410000
UNPROCESSABLE = 42210000


class Refusal(Exception):
    """A request that the exchange does not grant; nothing was changed."""

    def __init__(self, status: int, code: int | None, message: str, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = dict(extra or {})

    @property
    def body(self) -> dict[str, object]:
        """Return the body of the answer; market data says no without a code."""
        code = {} if self.code is None else {"code": self.code}
        return {**code, "message": self.message, **self.extra}


def undecodable() -> Refusal:
    """Refuse a body that is not what its fields say: a word where a number belongs, a number for an object."""
    return Refusal(400, UNDECODABLE, "request body format is invalid")


def malformed(message: str) -> Refusal:
    """Refuse what is wrong in itself, whatever the account holds."""
    return Refusal(422, MALFORMED, message)


def unprocessable(message: str, **extra: object) -> Refusal:
    """Refuse what the rules of the market or the order forbid."""
    return Refusal(422, UNPROCESSABLE, message, extra)


def forbidden(message: str, **extra: object) -> Refusal:
    """Refuse what the account cannot or may not do."""
    return Refusal(403, FORBIDDEN, message, extra)


def not_found(message: str) -> Refusal:
    """Refuse what names something that is not there."""
    return Refusal(404, NOT_FOUND, message)


def sub_penny(name: str, price: Decimal) -> Refusal:
    """Refuse a price finer than its tick."""
    return unprocessable(f"invalid {name} {text(price)}. sub-penny increment does not fulfill minimum pricing criteria")
