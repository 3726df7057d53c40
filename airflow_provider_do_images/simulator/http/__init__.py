"""The HTTP layer: requests, responses, errors, pages, rate limits, tokens."""
