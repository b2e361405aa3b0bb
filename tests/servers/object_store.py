"""An S3 server of this machine (moto's), with signed requests over real HTTP."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tests.servers.process import Server, free_port, remove

KEYS = {"S3_ACCESS_KEY": "test-access", "S3_SECRET_KEY": "test-secret", "S3_REGION": "us-east-1"}


@contextmanager
def object_store(*buckets: str) -> Iterator[Server]:
    """Run an S3 server with some empty buckets."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    folder = Path(mkdtemp(prefix="s3-"))
    server = Server("s3", "root", command, folder, port, f"http://127.0.0.1:{port}")
    try:
        server.start_in(folder, {"PATH": "/usr/bin:/bin", "HOME": str(folder)})
        for bucket in buckets:
            client(server).create_bucket(Bucket=bucket)
        yield server
    finally:
        remove(server)


def environment(server: Server) -> dict[str, str]:
    """Return the settings by which a site uses the store."""
    return {**KEYS, "S3_ENDPOINT": server.url}


def client(server: Server) -> Any:
    """Return a client with the test's keys."""
    import boto3

    return boto3.client(
        "s3", endpoint_url=server.url, aws_access_key_id=KEYS["S3_ACCESS_KEY"],
        aws_secret_access_key=KEYS["S3_SECRET_KEY"], region_name=KEYS["S3_REGION"],
    )  # fmt: skip


def keys(server: Server, bucket: str) -> list[str]:
    """List what lies in a bucket."""
    return [row["Key"] for row in client(server).list_objects_v2(Bucket=bucket).get("Contents", [])]
