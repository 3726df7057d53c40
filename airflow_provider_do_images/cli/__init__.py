"""The command line ``do-images``. It does not need Airflow."""
