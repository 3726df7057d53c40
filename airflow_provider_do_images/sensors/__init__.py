"""Sensors for DigitalOcean images."""
