"""The exchange itself: pure and deterministic.

No I/O, no clock, and no randomness but by hashing (seed, stable key): the same seed and the same requests give the
same book to the last byte.

    records.py     orders, activities, positions, the account: frozen; rows.py has their one text form
    assets.py      what is known of a stock or a coin
    book.py        everything the exchange remembers, and which of it has changed
    rules.py       what may be switched about its behaviour
    chance.py      draws by hashing
    hours.py       when it trades
    market.py      the price feed's contract, quotes, quotes set by hand
    refusal.py     what it says no with: status, code, message, extra keys
    ticket.py      a request for an order, read from JSON; malformed ones end here
    combinations.py  which types, times in force, classes and hours go together; coins.py has those of coins
    levels.py      prices of stops and legs against the market and each other
    admission.py   whether an order may enter; wash.py has the wash-trade matrix
    funds.py       what an order may spend, and what it means for the position
    opening.py     from a request to the orders that enter the book
    holdings.py    what is held, and how much of it open orders have set aside
    margin.py      worth, margin, buying power
    closing.py     closing positions
    settlement.py  what an execution does to cash and positions
    matching.py    when an order elects, at what price it fills, and how much of it
    lifecycle.py   how an order ends or goes on, and what that does to its group
    cancelling.py  cancels
    replacing.py   replacements; amendment.py reads requests for them
    fees.py        what trading costs beside the price
    postings.py    activities that are no executions, and what an activity moved
    actions.py     corporate actions as announced; corporate.py what they do, acted.py the prices they leave
    engine.py      orders in, and the walk through time
    listing.py     which orders and activities a list shows
"""
