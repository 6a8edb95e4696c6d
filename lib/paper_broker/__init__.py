"""A local program that speaks Alpaca's REST trading and market-data API: embedded default, replay and test double.

It is another program that happens to live here: with the rest of the project it shares `domain.money` and `sessions`
only, so that one mistake cannot hide on both sides. No order it takes leaves the machine.

    program.py      open_paper() and PaperBroker.respond(): the one way in
    options.py      what may be switched
    transport.py    in-process: an adapter for a requests session
    server.py       HTTP: Starlette and uvicorn; serving() for tests
    __main__.py     python -m lib.paper_broker
    api.py          routes; order_api.py, account_api.py, market_api.py, control_api.py handle them
    call.py         what a handler is given
    message.py      requests, responses, JSON
    render.py       what Alpaca's answers look like
    exchange/       the exchange: pure and deterministic
    prices.py       feeds: recorded bars (bars.py), paths inside them (bridge.py), made-up prices (synthetic.py)
    state.py        the book in memory or in one SQLite file
    clocks.py       a clock that moves when told
    faults.py       trouble on request
"""
