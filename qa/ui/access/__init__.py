"""Who may do what: identities, roles, tokens, rate limits and the audit log; knows nothing of pages or answers."""
