"""What the demo and the system tests share: a real Airflow on this machine."""
