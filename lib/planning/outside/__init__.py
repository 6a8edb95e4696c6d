"""What happened without us: trades in the broker's app, corporate actions, shares that are gone."""
