"""Types told from bytes."""

import os

import pytest

from app.files.sniffing import HEAD_BYTES, agrees

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
JPEG_HEAD = b"\xff\xd8\xff\xe0\x00\x10JFIF"
WEBP_HEAD = b"RIFF\x24\x00\x00\x00WEBPVP8 "
ZIP_HEAD = b"PK\x03\x04\x14\x00"


@pytest.mark.parametrize(
    ("content_type", "head"),
    [
        ("image/png", PNG_HEAD),
        ("image/jpeg", JPEG_HEAD),
        ("image/webp", WEBP_HEAD),
        ("application/zip", ZIP_HEAD),
        ("text/plain", b"plain"),
        ("text/plain", "né\tà\r\n".encode()),
        ("text/plain", b"1 < 2 and <3 you"),
        ("text/plain", b"<bold> is no tag of browsers' list"),
        ("text/plain", b"%PDF- is how they begin"),
        ("application/json", b"null"),
        ("application/json", b"\n\t[1]"),
        ("application/json", b'"<script>"'),
        ("application/octet-stream", b"BM\x00\xff\x80"),
        ("application/octet-stream", b"plain"),
    ],
)
def test_they_agree(content_type: str, head: bytes) -> None:
    assert agrees(content_type, head)


@pytest.mark.parametrize(
    ("content_type", "head"),
    [
        ("image/png", JPEG_HEAD),
        ("image/jpeg", b"plain"),
        ("image/webp", b"RIFF\x24\x00\x00\x00WAVEfmt "),
        ("text/plain", PNG_HEAD),
        ("text/plain", b"a\x00b"),
        ("text/plain", b"\xff\xfeh\x00t\x00"),
        ("text/plain", b"caf\xe9 in Latin-1"),
        ("text/plain", b"cut \xc3"),
        ("text/plain", b"\n <!-- hidden --><script>"),
        ("text/markdown", b"\xef\xbb\xbf<HTML>"),
        ("text/plain", b"<?xml version='1.0'?>"),
        ("application/json", b"truth"[:3]),
        ("application/json", b""),
        ("application/octet-stream", JPEG_HEAD),
        ("application/octet-stream", WEBP_HEAD),
        ("application/octet-stream", b"<svg xmlns='x'>"),
        ("application/zip", b"<html>PK"),
    ],
)
def test_they_do_not_agree(content_type: str, head: bytes) -> None:
    assert not agrees(content_type, head)


def test_a_character_cut_by_the_head_is_no_fault() -> None:
    text = b"x" * (HEAD_BYTES - 1) + "é".encode()

    assert agrees("text/plain", text[:HEAD_BYTES])
    assert not agrees("text/plain", text[1:HEAD_BYTES])


def test_bytes_that_a_client_encrypted_are_stored_whatever_they_begin_with() -> None:
    for first in range(256):
        for second in (b"M", b"Z", b"K", b"\xfb", b"\x1f", b"\x8b"):
            assert agrees("application/octet-stream", bytes([first]) + second + os.urandom(64)[:64])
