"""Print the backups of all droplets, of an account or of a simulator."""

import os

from airflow_provider_do_images.api import ApiClient, DigitalOceanError

token = os.environ["DIGITALOCEAN_TOKEN"]
url = os.environ.get("DIGITALOCEAN_URL", "")  # empty: the real API
try:
    with ApiClient(token, url) as client:
        for droplet in client.all_droplets():
            for backup in client.list_droplet_backups(droplet.id):
                print(droplet.name, backup.id, backup.created_at.date(), backup.regions)
except DigitalOceanError as error:
    print(error)
