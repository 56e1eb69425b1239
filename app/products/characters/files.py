"""What files of this product are for."""

from app.files.purposes import Purpose

PORTRAIT = Purpose(
    "portrait", frozenset({"image/png", "image/jpeg", "image/webp"}), max_bytes=2_000_000
)

purposes = [PORTRAIT]
