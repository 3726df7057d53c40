"""Submitting and waiting without Airflow: pure decisions, and one thin loop each."""
