"""A bucket for the files of a fleet: moto's S3 server, on the lab's bridge."""

import boto3
from moto.server import ThreadedMotoServer

from tests.lab import network

PORT = 9000
NAME = "fivebox-files"
REGION = "eu-central-1"


class Bucket:
    """The server, with one empty bucket."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer(network.GATEWAY, PORT, verbose=False)
        endpoint = f"http://{network.GATEWAY}:{PORT}"
        self.settings = {
            "FIVEBOX_S3_ENDPOINT": endpoint,
            "FIVEBOX_S3_BUCKET": NAME,
            "FIVEBOX_S3_REGION": REGION,
            "FIVEBOX_S3_ACCESS_KEY": "key-of-the-lab",
            "FIVEBOX_S3_SECRET_KEY": "secret-of-the-lab",
        }

    def start(self) -> None:
        """Start."""
        self._server.start()
        client = boto3.client(
            "s3",
            endpoint_url=self.settings["FIVEBOX_S3_ENDPOINT"],
            region_name=REGION,
            aws_access_key_id=self.settings["FIVEBOX_S3_ACCESS_KEY"],
            aws_secret_access_key=self.settings["FIVEBOX_S3_SECRET_KEY"],
        )
        client.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": REGION})

    def stop(self) -> None:
        """Stop."""
        self._server.stop()
