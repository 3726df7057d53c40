"""Translate results and errors to Airflow."""
