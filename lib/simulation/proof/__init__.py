"""The proof as a product: schedules by the hundred thousand over all cores, counted, kept, and told on a page."""
