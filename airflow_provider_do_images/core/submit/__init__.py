"""Submit an image action, idempotently."""
