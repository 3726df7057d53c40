"""``python -m airflow_provider_do_images``, the same as ``do-images``."""

import sys

from airflow_provider_do_images.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
