"""Characters, what they carry and what they wear."""

from sqlalchemy import BigInteger, ForeignKeyConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base, OwnedRow
from app.products.characters.rules import Ability, level_of


class Character(OwnedRow, Base):
    """A character; `race_id` and `archetype_id` name content, `portrait_id` a file of the user.

    The abilities are one value: when two devices spend points, one of the two wins whole, and no
    mixture of them can cost more than the level has. A deleted file leaves `portrait_id` empty, by
    the trigger `clear_portrait`.
    """

    __tablename__ = "user_characters"

    name: Mapped[str]
    race_id: Mapped[str]
    archetype_id: Mapped[str]
    experience: Mapped[int] = mapped_column(BigInteger)
    abilities: Mapped[dict[Ability, int]] = mapped_column(JSONB)
    notes: Mapped[str] = mapped_column(server_default="")
    portrait_id: Mapped[str | None]

    @property
    def level(self) -> int:
        """The level of its experience."""
        return level_of(self.experience)


class CarriedItem(OwnedRow, Base):
    """So many of one item; its id is `<character id>:<item id>`, so there cannot be two of it."""

    __tablename__ = "user_character_items"
    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "character_id"],
            ["user_characters.user_id", "user_characters.id"],
            ondelete="CASCADE",
        ),
    )

    character_id: Mapped[str]
    item_id: Mapped[str]
    quantity: Mapped[int] = mapped_column(BigInteger)


class WornItem(OwnedRow, Base):
    """What a slot holds; its id is `<character id>:<slot>`, so it cannot hold two."""

    __tablename__ = "user_character_equipment"
    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "character_id"],
            ["user_characters.user_id", "user_characters.id"],
            ondelete="CASCADE",
        ),
    )

    character_id: Mapped[str]
    slot: Mapped[str]
    item_id: Mapped[str]
