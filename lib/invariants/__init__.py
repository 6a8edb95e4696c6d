"""What must hold, as pure functions of evidence: what our books say, and what the broker's do.

Ids are those of the catalogue: I1 one entry a decision, I2 every share covered, and so on. Each function
returns a sentence for each violation. Used after every simulated step, and by anything that checks a real
database against a real broker.
"""
