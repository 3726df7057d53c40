"""Apache Airflow provider for DigitalOcean image actions."""

__version__ = "1.0.0"
