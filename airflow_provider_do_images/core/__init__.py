"""Submit, wait for, verify and retain copies of images. No Airflow."""
