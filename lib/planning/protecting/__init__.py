"""What a trade's live orders ought to be: its cover, its end, and what stands in the way of either."""
