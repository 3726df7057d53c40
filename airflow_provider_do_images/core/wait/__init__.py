"""Wait for image actions and verify the result."""
