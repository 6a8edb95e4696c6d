"""What the broker shows becomes rows: orders, fills, results, fees, cover, values."""
