"""The broker's JSON becomes records; what cannot be read is an error that names the field."""

import contextlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.broker import translate
from lib.domain.facts import AccountFacts, Asset, BrokerOrder, BrokerPosition, FillActivity, Quote
from lib.domain.money import NotMoney
from lib.errors import BrokerUnavailable
from lib.sessions import Session
from tests.broker.recorded import (
    account_row,
    asset_row,
    fill_row,
    order_row,
    position_row,
    quote_row,
    session_row,
)

# A busy machine is no finding; and nothing is left behind in the working tree.
MANY = settings(database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FEW = settings(MANY, max_examples=60)


def test_an_order_is_read_whole():
    assert translate.order(order_row()) == BrokerOrder(
        id="61e69015-8549-4bfd-b9c3-01e75843f47d",
        client_order_id="ns-d12-entry-1",
        symbol="AAPL",
        side="buy",
        kind="limit",
        order_class="simple",
        status="accepted",
        time_in_force="day",
        qty=Decimal(10),
        filled_qty=Decimal(0),
        limit_price=Decimal(150),
        submitted_at=datetime(2026, 10, 2, 13, 46, 0, 123456, tzinfo=UTC),
        expires_at=datetime(2026, 10, 2, 20, 0, tzinfo=UTC),
    )


def test_canceled_is_spelled_as_the_tables_spell_it():
    assert translate.order(order_row(status="canceled")).status == "cancelled"


@pytest.mark.case("fail-D10")
@pytest.mark.parametrize("status", ["done_for_day", "a_word_of_next_year"])
def test_every_other_status_is_kept_as_it_comes(status):
    assert translate.order(order_row(status=status)).status == status


def test_a_null_status_counts_as_live():
    assert translate.order(order_row(status=None)).status == translate.NO_STATUS


def test_unknown_words_and_fields_do_not_break_an_order():
    row = order_row(type="peg", time_in_force="gtx", order_class="ladder", side="sell_short", hologram={"a": [1]})
    order = translate.order(row)
    assert (order.kind, order.time_in_force, order.order_class, order.side) == ("peg", "gtx", "ladder", "sell_short")


OPTIONAL = sorted(order_row().keys() - {"id", "client_order_id", "symbol", "side", "qty"})


@pytest.mark.parametrize("field", OPTIONAL)
def test_an_order_stays_readable_with_a_null(field):
    assert translate.order(order_row(**{field: None})).qty == 10


@pytest.mark.parametrize("field", OPTIONAL)
def test_an_order_stays_readable_without(field):
    row = order_row()
    del row[field]
    assert translate.order(row).symbol == "AAPL"


@pytest.mark.parametrize("field", ["id", "client_order_id", "symbol", "side", "qty"])
@pytest.mark.parametrize("value", [None, ""])
def test_an_order_without_what_names_or_sizes_it_is_refused_by_the_field(field, value):
    with pytest.raises(BrokerUnavailable, match=f"`{field}`"):
        translate.order(order_row(**{field: value}))


def test_an_order_by_notional_has_no_quantity():
    order = translate.order(order_row(qty=None, notional="500"))
    assert order.qty is None


def test_a_foreign_multi_leg_option_order_is_readable():
    leg = order_row(id="leg", symbol="AAPL261218C00150000")
    order = translate.order(order_row(order_class="mleg", symbol="", side="", type="", order_type="", legs=[leg]))
    assert (order.symbol, order.legs[0].symbol) == ("", "AAPL261218C00150000")


def test_the_older_name_of_the_type_is_taken_when_the_newer_is_missing():
    assert translate.order(order_row(type=None, order_type="stop")).kind == "stop"


def test_legs_are_nested_under_their_order():
    stop = order_row(id="stop", type="stop", status="held", limit_price=None, stop_price="145", order_class="oco")
    order = translate.order(order_row(order_class="oco", legs=[stop]))
    assert [(leg.id, leg.kind, leg.status, leg.stop_price) for leg in order.legs] == [
        ("stop", "stop", "held", Decimal(145))
    ]


def test_legs_of_legs_without_end_are_refused():
    row = order_row()
    for _ in range(900):
        row = order_row(legs=[row])
    with pytest.raises(BrokerUnavailable, match="`legs`"):
        translate.order(row)


@pytest.mark.parametrize("text", ["two\nlines", "nul\x00", "\ud800", 7, ["a"]])
def test_an_id_that_no_table_could_keep_is_refused(text):
    with pytest.raises(BrokerUnavailable, match="`id`"):
        translate.order(order_row(id=text))


@pytest.mark.parametrize("field", ["canceled_at", "expired_at", "failed_at"])
def test_an_order_ended_when_it_was_cancelled_expired_or_failed(field):
    order = translate.order(order_row(**{field: "2026-10-02T16:00:00-04:00"}))
    assert order.ended_at == datetime(2026, 10, 2, 20, 0, tzinfo=UTC)


def test_nanoseconds_are_cut_not_rounded():
    order = translate.order(order_row(submitted_at="2026-10-02T13:46:00.999999999Z"))
    assert order.submitted_at == datetime(2026, 10, 2, 13, 46, 0, 999999, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "2026-10-02", "2026-10-02T13:46:00", "0001-01-01T00:00:00+10:00", 7])
def test_a_time_that_names_no_instant_is_refused(text):
    with pytest.raises(BrokerUnavailable, match="`submitted_at`"):
        translate.order(order_row(submitted_at=text))


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("123456789.1234567885", "123456789.123456788"),
        ("123456789.1234567895", "123456789.12345679"),
        ("150.12345678949999999999", "150.123456789"),
        ("150.123456789012345", "150.123456789012345"),
    ],
)
def test_an_average_price_of_over_eighteen_digits_is_rounded_half_even_to_nine_places(written, kept):
    assert translate.order(order_row(filled_avg_price=written)).filled_avg_price == Decimal(kept)


def test_a_limit_price_of_many_digits_is_refused_because_nobody_rounded_it():
    with pytest.raises(BrokerUnavailable, match="`limit_price`"):
        translate.order(order_row(limit_price="150.12345678950000000001"))


@pytest.mark.case("fail-J11")
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", float("nan"), float("inf"), True, "ten", "1_0", [1]])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(BrokerUnavailable, match="`limit_price`"):
        translate.order(order_row(limit_price=value))


@pytest.mark.parametrize("value", ["150.1_0", "NaN", "1e400", "１50.123456789012345678"])
def test_rounding_does_not_take_what_reading_would_refuse(value):
    with pytest.raises(BrokerUnavailable, match="`filled_avg_price`"):
        translate.order(order_row(filled_avg_price=value))


@pytest.mark.parametrize(
    ("value", "number"),
    [("150.25", "150.25"), (150, "150"), (150.25, "150.25"), (0.1, "0.1"), (1e-7, "0.0000001"), ("0e999999999", "0")],
)
def test_text_integers_and_json_numbers_become_the_decimal_that_was_written(value, number):
    assert str(translate.exact(value)) in {number, str(Decimal(number))}
    assert translate.exact(value) == Decimal(number)


@MANY
@given(st.integers(1, 10**15 - 1), st.integers(0, 9))
def test_a_json_number_of_fifteen_digits_survives_the_float_exactly(digits, places):
    text = str(Decimal(digits).scaleb(-places))
    assert translate.exact(json.loads(text)) == Decimal(text)


def test_a_fill_is_read_whole():
    assert translate.fill(fill_row()) == FillActivity(
        id="20220202135509981::2d7be4ff-d1f3-43e9-856a-0f5cf5c5088e",
        order_id="b5abe576-6a8a-49f3-a353-46b72c1ccae9",
        symbol="AAPL",
        side="buy",
        qty=Decimal(2),
        price=Decimal("174.78"),
        transaction_time=datetime(2022, 2, 2, 18, 55, 9, 981482, tzinfo=UTC),
    )


@pytest.mark.parametrize("field", ["id", "order_id", "symbol", "side", "qty", "price", "transaction_time"])
def test_a_fill_needs_every_field_that_is_booked(field):
    with pytest.raises(BrokerUnavailable, match=f"`{field}`"):
        translate.fill(fill_row(**{field: None}))


def test_a_long_position_is_positive():
    assert translate.position(position_row()) == BrokerPosition(
        symbol="AAPL", qty=Decimal(5), qty_available=Decimal(4), avg_entry_price=Decimal(100)
    )


@pytest.mark.parametrize("qty", ["-2478", "2478"])
def test_a_short_position_is_negative_whether_the_broker_signs_it_or_not(qty):
    position = translate.position(position_row(side="short", qty=qty, qty_available=qty))
    assert (position.qty, position.qty_available) == (-2478, -2478)


def test_a_signed_position_without_a_side_is_short():
    assert translate.position(position_row(side=None, qty="-3", qty_available="0")).qty == -3


@pytest.mark.parametrize("field", ["symbol", "qty", "qty_available"])
def test_a_position_needs_its_symbol_and_quantities(field):
    with pytest.raises(BrokerUnavailable, match=f"`{field}`"):
        translate.position(position_row(**{field: None}))


def test_two_positions_in_one_symbol_are_an_unreadable_answer():
    with pytest.raises(BrokerUnavailable, match="AAPL"):
        translate.positions([position_row(), position_row(qty="6")])


def test_quotes_are_read_for_the_symbols_asked_for():
    quotes = translate.quotes({"quotes": {"AAPL": quote_row(), "MSFT": quote_row()}}, ["AAPL", "GONE"])
    at = datetime(2026, 10, 2, 15, 0, tzinfo=UTC)
    assert quotes == {"AAPL": Quote(symbol="AAPL", bid=Decimal("150.01"), ask=Decimal("150.03"), at=at)}


@pytest.mark.parametrize("nothing", [0, 0.0, None])
def test_a_price_of_zero_is_no_quote_on_that_side(nothing):
    rows = {"NOASK": quote_row(ap=nothing), "NOBID": quote_row(bp=nothing)}
    quotes = translate.quotes({"quotes": rows}, ["NOASK", "NOBID"])
    assert (quotes["NOASK"].bid, quotes["NOASK"].ask) == (Decimal("150.01"), None)
    assert (quotes["NOBID"].bid, quotes["NOBID"].ask) == (None, Decimal("150.03"))


@pytest.mark.parametrize("quotes", [None, {}, {"AAPL": None}])
def test_a_symbol_without_a_quote_is_absent(quotes):
    assert translate.quotes({"quotes": quotes}, ["AAPL"]) == {}


@pytest.mark.parametrize("answer", [{}, [], None, {"quotes": []}, {"message": "too many requests."}])
def test_an_answer_without_quotes_is_no_empty_answer(answer):
    with pytest.raises(BrokerUnavailable):
        translate.quotes(answer, ["AAPL"])


def test_an_account_is_read_whole():
    assert translate.account(account_row()) == AccountFacts(
        account_number="PA3ABCDEFGH1",
        equity=Decimal("100250.75"),
        cash=Decimal("95000.5"),
        buying_power=Decimal(190001),
    )


@pytest.mark.parametrize("flag", ["trading_blocked", "account_blocked", "trade_suspended_by_user"])
def test_an_account_is_blocked_by_each_of_its_flags(flag):
    assert translate.account(account_row(**{flag: True})).blocked


def test_a_flag_that_is_neither_true_nor_false_is_refused():
    with pytest.raises(BrokerUnavailable, match="`trading_blocked`"):
        translate.account(account_row(trading_blocked="no"))


def test_an_asset_is_read_whole():
    assert translate.asset(asset_row()) == Asset(symbol="AAPL", tradable=True, fractionable=True, shortable=True)


@pytest.mark.parametrize("changes", [{"tradable": False}, {"tradable": None}, {"status": "inactive"}])
def test_an_asset_that_is_not_surely_tradable_is_not(changes):
    assert not translate.asset(asset_row(**changes)).tradable


def test_a_session_is_turned_from_new_york_into_utc():
    # New York is UTC-4 in October and UTC-5 in late November; the day after Thanksgiving ends at one o'clock.
    assert translate.session(session_row()) == Session(
        date=date(2026, 10, 2),
        open=datetime(2026, 10, 2, 13, 30, tzinfo=UTC),
        close=datetime(2026, 10, 2, 20, 0, tzinfo=UTC),
    )
    half = translate.session(session_row(date="2026-11-27", close="13:00"))
    assert (half.open, half.close) == (
        datetime(2026, 11, 27, 14, 30, tzinfo=UTC),
        datetime(2026, 11, 27, 18, 0, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "changes",
    [{"open": "half past nine"}, {"open": "09:30Z"}, {"close": "09:00"}, {"close": None}, {"date": "2026-02-30"}],
)
def test_a_day_that_makes_no_session_is_refused(changes):
    with pytest.raises(BrokerUnavailable, match="session"):
        translate.session(session_row(**changes))


@pytest.mark.parametrize("answer", [None, {}, "", {"code": 40010001, "message": "no"}])
def test_what_is_no_list_is_no_empty_list(answer):
    with pytest.raises(BrokerUnavailable, match="positions"):
        translate.positions(answer)


def test_an_unreadable_field_is_shown_in_brief():
    with pytest.raises(BrokerUnavailable) as caught:
        translate.order(order_row(qty="9" * 5000 + "\n"))
    assert len(str(caught.value)) < 250
    assert "\n" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
READERS = {
    "order": (translate.order, order_row, BrokerOrder),
    "fill": (translate.fill, fill_row, FillActivity),
    "position": (translate.position, position_row, BrokerPosition),
    "account": (translate.account, account_row, AccountFacts),
    "asset": (translate.asset, asset_row, Asset),
    "session": (translate.session, session_row, Session),
    "quote": (lambda row: translate.quotes({"quotes": {"A": row}}, ["A"]).get("A"), quote_row, Quote | None),
}


@pytest.mark.parametrize("name", READERS)
@FEW
@given(data=st.data())
@pytest.mark.slow
def test_garbage_becomes_a_record_or_an_error_and_nothing_else(name, data):
    read, row, record = READERS[name]
    damaged = st.dictionaries(st.sampled_from(sorted(row())), JSON, min_size=1, max_size=4).map(row().__or__)
    garbage = data.draw(damaged | JSON)
    with contextlib.suppress(BrokerUnavailable):
        assert isinstance(read(garbage), record)


@pytest.mark.case("fail-J11")
@MANY
@given(JSON)
def test_a_number_is_exact_or_refused(value):
    try:
        number = translate.exact(value)
    except NotMoney:
        return
    assert number.is_finite()


@pytest.mark.parametrize(
    ("named", "pair"),
    [
        ("BTCUSD", "BTC/USD"),
        ("ETHUSDT", "ETH/USDT"),
        ("ETHUSDC", "ETH/USDC"),
        ("LTCBTC", "LTC/BTC"),
        ("SOLEUR", "SOL/EUR"),
        ("USDTUSD", "USDT/USD"),
        ("BTC/USD", "BTC/USD"),
        ("XYZ", "XYZ"),
    ],
)
def test_a_position_in_coins_is_named_as_orders_name_the_pair(named, pair):
    assert translate.pair_of(named) == pair


def test_a_stock_whose_symbol_ends_like_a_currency_stays_a_stock():
    row = {"symbol": "BTCUSD", "qty": "1", "qty_available": "1", "asset_class": "us_equity"}
    assert translate.position(row).symbol == "BTCUSD"
    assert translate.position(row | {"asset_class": "crypto"}).symbol == "BTC/USD"
