"""A local program that speaks Alpaca's REST trading and market-data API: embedded default, replay and test double.

It is another program that happens to live here: with the rest of the project it shares `domain.money` and `sessions`
only, so that one mistake cannot hide on both sides. No order it takes leaves the machine.

    program.py      open_paper() and PaperBroker.respond(): the one way in
    options.py      what may be switched; profiles.py has named sets of it, and reads single ones from text
    transport.py    in-process: an adapter for a requests session
    server.py       HTTP: uvicorn; serving() for tests
    __main__.py     python -m lib.paper_broker
    api.py          paths and methods to handlers
    call.py         what a handler is given
    message.py      requests, responses, JSON
    state.py        the book in memory or in one SQLite file
    prices.py       feeds: where prices come from
    clocks.py       a clock that moves when told
    faults.py       trouble on request
    limiter.py      how often a client may ask
    routes/         the handlers
    answers/        what Alpaca's answers look like
    exchange/       the exchange: pure and deterministic
    history/        recorded bars and the paths inside them, made-up prices, announcements; and from all that again
                    trades, quotes and bars of any length
    fetching/       python -m lib.paper_broker fetch-bars
"""
