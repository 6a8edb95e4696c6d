"""What a decision becomes: an order, a change of a trade, or a written reason why not."""
