"""Files in a bucket of any service with the S3 API; clients reach it by presigned URLs.

Presigning is AWS Signature Version 4 by query. The upload's length, type and checksum are part of
the signature; a service that does not look at them is made up for when the upload is completed.
"""

import logging
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.errors import Unavailable
from app.files.delivery import disposition, served_type
from app.files.models import UserFile
from app.files.storage import (
    CHUNK_BYTES,
    ObjectChanged,
    ObjectMissing,
    OpenObject,
    SignedRequest,
    StoredObject,
)
from app.settings import Settings

CONNECT_SECONDS = 2
READ_SECONDS = 10
ATTEMPTS = 3

logger = structlog.get_logger(__name__)


class S3Storage:
    """Objects below a folder named after the environment: a staging system that was given the
    bucket of production must not take its files for orphans."""

    links_end = False

    def __init__(self, settings: Settings) -> None:
        # Its lines of debugging hold signatures.
        logging.getLogger("botocore").setLevel(logging.INFO)
        self.bucket = settings.s3_bucket
        self.prefix = f"{settings.environment}/"
        secrets = [settings.s3_access_key, settings.s3_secret_key]
        access_key, secret_key = [secret.get_secret_value() for secret in secrets if secret]
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint,
            region_name=settings.s3_region,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": settings.s3_addressing},
                # Services other than AWS refuse the newer checksums.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
                max_pool_connections=settings.database_pool_size,
            ),
        )

    def sign_upload(self, file: UserFile, seconds: int) -> SignedRequest:
        """A presigned PUT of exactly these bytes."""
        checksum = b64encode(bytes.fromhex(file.sha256)).decode()
        return self._sign(
            "put_object",
            {
                **self._object(file.upload_key),
                "ContentLength": file.size,
                "ContentType": file.content_type,
                "ChecksumSHA256": checksum,
            },
            seconds,
            {"Content-Type": file.content_type, "x-amz-checksum-sha256": checksum},
        )

    def sign_download(self, file: UserFile, seconds: int) -> SignedRequest:
        """A presigned GET that says how a browser has to take the file."""
        return self._sign(
            "get_object",
            {
                **self._object(file.object_key),
                "ResponseContentType": served_type(file),
                "ResponseContentDisposition": disposition(file),
                "ResponseCacheControl": "private, no-cache",
            },
            seconds,
            {},
        )

    def open(self, key: str) -> OpenObject:
        """Read an object; its version is its ETag.

        Raises:
            ObjectMissing: there is none.
        """
        with _service():
            found = self.client.get_object(**self._object(key))
        return OpenObject(found["ETag"], _chunks(found["Body"]))

    def promote(self, source: str, target: str, version: str) -> None:
        """Copy an object within the service.

        Raises:
            ObjectMissing: there is no source.
            ObjectChanged: its bytes are others by now.
        """
        with _service():
            self.client.copy_object(
                **self._object(target), CopySource=self._object(source), CopySourceIfMatch=version
            )

    def delete(self, key: str) -> None:
        """Delete an object; nothing is wrong when there is none."""
        with _service():
            self.client.delete_object(**self._object(key))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Objects whose keys begin with a prefix, by key."""
        pages = self.client.get_paginator("list_objects_v2")
        with _service():
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix + prefix):
                for found in page.get("Contents", ()):
                    yield StoredObject(
                        found["Key"].removeprefix(self.prefix), found["Size"], found["LastModified"]
                    )

    def check(self) -> None:
        """Raise an error when the bucket cannot be listed."""
        self.client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix, MaxKeys=1)

    def _object(self, key: str) -> dict[str, Any]:
        return {"Bucket": self.bucket, "Key": self.prefix + key}

    def _sign(
        self, operation: str, parameters: dict[str, Any], seconds: int, headers: dict[str, str]
    ) -> SignedRequest:
        method = "PUT" if operation == "put_object" else "GET"
        expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        url = self.client.generate_presigned_url(operation, Params=parameters, ExpiresIn=seconds)
        return SignedRequest(method, url, headers, expires_at)


def _chunks(body: Any) -> Iterator[bytes]:
    with body, _service():
        yield from body.iter_chunks(CHUNK_BYTES)


@contextmanager
def _service() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "NoSuchKey":
            raise ObjectMissing from error
        if code == "PreconditionFailed":
            raise ObjectChanged from error
        raise _unavailable(error) from error
    except BotoCoreError as error:
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> Unavailable:
    logger.error("file storage failed", event_kind="error", exc_info=error)
    return Unavailable(
        "The file storage does not answer; try again shortly.", headers={"Retry-After": "5"}
    )
