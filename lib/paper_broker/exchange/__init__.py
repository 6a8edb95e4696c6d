"""The exchange itself: pure and deterministic.

No I/O, no clock, and no randomness but by hashing (seed, stable key): the same seed and the same requests give the
same book to the last byte.

    records.py     orders, fills, positions, the account: frozen, and their one text form
    book.py        everything the exchange remembers, and which of it has changed
    rules.py       what may be switched about its behaviour
    chance.py      draws by hashing
    hours.py       when it trades
    market.py      the price feed's contract, quotes, quotes set by hand
    refusal.py     what it says no with: status, code, message, extra keys
    ticket.py      a request for an order, read from JSON; malformed ones end here
    admission.py   whether an order may enter; wash.py has the wash-trade matrix
    holdings.py    reservations, buying power, booking of fills, worth
    matching.py    when an order elects, at what price it fills, and how much of it
    engine.py      submit, cancel, and the walk through time
    listing.py     which orders and activities a list shows
"""
