"""What fuzzed decision rows are made of, where they are judged, and what an order must be."""
