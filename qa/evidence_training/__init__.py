"""Makes training data for the evidence reader and trains it; nothing here is needed to answer questions."""
