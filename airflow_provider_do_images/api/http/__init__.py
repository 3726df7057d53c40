"""Send HTTP requests: authentication, retries, rate limits."""
