"""The use cases, without Airflow. Operators, the fault campaign and the command line call them."""
