"""`grid_orders`: the orders of grids in the words of those who watch them from an SQL client. Nothing here reads it."""

VIEW = """
CREATE VIEW grid_orders AS
SELECT
    id,
    account AS user_id,
    strategy_id,
    alpaca_order_id,
    symbol,
    side,
    qty AS quantity,
    limit_price,
    cell + CASE side WHEN 'sell' THEN 1 ELSE 0 END AS grid_level,
    CASE
        WHEN order_status IN
            ('partially_filled', 'filled', 'cancelled', 'expired', 'rejected', 'replaced', 'unsent') THEN order_status
        ELSE 'pending'
    END AS status,
    filled_at,
    created_at
FROM order_execution
WHERE strategy_id IS NOT NULL
"""
"""Every live word but `partially_filled` is `pending`; an order without a cell rests at no level."""
