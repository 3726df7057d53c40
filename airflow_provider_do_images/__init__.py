"""Apache Airflow provider for DigitalOcean image actions."""

__version__ = "0.1.0"
