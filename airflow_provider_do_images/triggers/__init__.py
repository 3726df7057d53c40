"""Triggers for DigitalOcean images."""
