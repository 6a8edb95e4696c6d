"""What Alpaca's answers look like: which fields, in which form."""
