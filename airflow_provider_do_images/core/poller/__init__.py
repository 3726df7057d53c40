"""Poll many waits with few requests."""
