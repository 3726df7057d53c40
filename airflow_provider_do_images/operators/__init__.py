"""Operators for DigitalOcean images."""
