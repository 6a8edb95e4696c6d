"""What each reference table was played with: the heads of the tables, as data."""

from dataclasses import dataclass
from decimal import Decimal

from lib.domain.grids import Grid, GridKind, Spacing, Straddle

M1_PATH = tuple(map(Decimal, (95, 90, 97, 100, 92, 85, 80, 88, 90, 99, 100, 104, 110, 107)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A grid and the price it starts at. The further path is the table's own column `price`."""

    name: str
    symbol: str = "SPY"
    kind: str = "SPOT"
    lower: str = "80"
    upper: str = "120"
    levels: int = 5
    spacing: str = "ARITHMETIC"
    qty: str = "5"
    capital: str = "2000"
    start: str = "100"
    straddle: str = "flat"
    fee_bps: str = "0"  # of each side; of coins bought it is taken in the coin
    tick: str = "0.01"
    increment: str = "1"
    qty_min: str = "1"
    gap: bool = False  # the price jumps from row to row, and everything touched fills at the new one
    trailing: bool = False

    @property
    def grid(self) -> Grid:
        return Grid(
            id=1,
            account="paper",
            symbol=self.symbol,
            kind=GridKind(self.kind),
            lower=Decimal(self.lower),
            upper=Decimal(self.upper),
            levels=self.levels,
            spacing=Spacing(self.spacing),
            qty=Decimal(self.qty),
            capital=Decimal(self.capital),
            straddle=Straddle(self.straddle),
            tick=Decimal(self.tick),
            increment=Decimal(self.increment),
            qty_min=Decimal(self.qty_min),
            fee_bps=Decimal(self.fee_bps),
            trailing=self.trailing,
        )


BTC = {"symbol": "BTC/USD", "increment": "0.000000001", "qty_min": "0.0001"}
C1 = {**BTC, "lower": "60000", "upper": "68000", "qty": "0.01", "fee_bps": "25", "tick": "1"}

ROWS = {
    each.name: each
    for each in (
        Scenario(name="S1"),
        Scenario(name="S2", capital="2100", fee_bps="10"),
        Scenario(name="S3"),
        Scenario(name="S4", gap=True),
        Scenario(name="S5a", start="104"),
        Scenario(name="S5b", start="104", straddle="held"),
        Scenario(name="S5c", start="104", straddle="nearest"),
        Scenario(name="S5d", start="107", straddle="nearest"),
        Scenario(name="S6"),
        Scenario(name="S7"),
        Scenario(name="S8"),
        Scenario(name="S9", spacing="GEOMETRIC", start="97.98"),
        Scenario(name="C1", capital="3000", start="64000", **C1),
        Scenario(name="R1", kind="REVERSE"),
        Scenario(name="R2", kind="REVERSE", capital="2100", fee_bps="10"),
        Scenario(name="R3", kind="REVERSE"),
        Scenario(name="R4", kind="REVERSE", gap=True),
        Scenario(name="R5", kind="REVERSE", start="104"),
        Scenario(name="R7", kind="REVERSE"),
        Scenario(
            name="B1",
            symbol="BTC/USD",
            lower="45000",
            upper="65000",
            levels=6,
            qty="0.08795882",
            capital="23610",
            start="54000",
            fee_bps="10",
            increment="0.00000001",
            qty_min="0.0001",
        ),
    )
}
"""The tables with the columns of `tables.Row`."""

S1 = ROWS["S1"]
OTHERS = {
    "T1": Scenario(name="T1", trailing=True),
    "N1": Scenario(name="N1", start="103"),
    "M1": Scenario(name="M1"),
    "M2 spot": Scenario(name="M2"),
    "M2 reverse": Scenario(name="M2", kind="REVERSE"),
    "P1": Scenario(name="P1"),
    "P2": Scenario(name="P2", start="63000", **C1),
    "P3": Scenario(name="P3"),
}
"""The tables with columns of their own."""
