"""What Alpaca answers, as a table: rows are data in `rows/`, one file for each part of the API.

    table.py       reads the rows, and says what is wrong with the table itself
    matching.py    holds an answer against what a row expects
    running.py     runs one row against whatever answers requests
    test_table.py  every row on the paper broker, in-process and over HTTP
    __main__.py    the same rows on Alpaca's paper host (`make conformance-alpaca`); alpaca.py is what it may do there

A row:

    [[row]]
    id = "cancel-of-a-filled-order"
    rule = "One sentence that no other row states."
    source = "facts 1.6, MEAS id 58504955092"   # where the expectation comes from, never the program's own output
    given = [                                   # what sets the stage, answered with 2xx unless it names a status
      { request = "POST /v2/orders", body = { … }, as = "bought" },
    ]
    request = "DELETE /v2/orders/{bought.id}"   # {name.part} is part of an earlier answer, {mark} is new in each run
    status = 422
    answer = { code = 42210000, message = 'order is already in "filled" state' }

`query`, `sent_headers`, `headers` (of the answer), `text` (a body sent as it stands) and `options` (fields of the paper
broker's Options) may be given. A row that moves the clock, sets prices, has options or asks for market data cannot run
on Alpaca, and says so by what it does; `paper_only` gives any other reason. `in_session = true` keeps a row for hours
in which the market is open. Rows that run on Alpaca leave nothing behind: their orders are far from the market.

On the paper broker each row starts on Wednesday 2013-01-02 at 10:00 in New York with a new account of $100,000,
AAPL at 150.00 / 150.01, MSFT at 30.00 / 30.01, BTC/USD at 20000 and ETH/USD at 1000; no fill is partial unless asked
for. What an `answer` may say is in matching.py.

Sources: `facts n` is a section of the notes on Alpaca that the project keeps (alpaca-facts.md), where the short names
are explained: PO, UP, CS and so on are pages of Alpaca's documentation, OAS its OpenAPI documents, MEAS a third party's
dated measurement, `id n` a public file, `py#n` and the like issues of Alpaca's repositories. Words without a source are
asked for as <text>, codes without one as either of the two that Alpaca uses.
"""
