"""Hooks for DigitalOcean images."""
