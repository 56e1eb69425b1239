"""The rules of characters."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update

from app.database import owned
from app.database.feed import lock_feed
from app.errors import Unprocessable
from app.extensions import db
from app.files.models import UserFile
from app.products.characters import catalog
from app.products.characters.content import ARCHETYPES, RACES
from app.products.characters.files import PORTRAIT
from app.products.characters.models import CarriedItem, Character, WornItem
from app.products.characters.schemas import (
    CharacterFields,
    CharacterInput,
    CharacterOutput,
    CharacterPatch,
    CharactersQuery,
)

_REFERENCES = {"race_id": RACES, "archetype_id": ARCHETYPES}


def list_characters(user_id: UUID, query: CharactersQuery) -> dict[str, Any]:
    """One page of the user's characters, by id."""
    statement = owned.present(Character, user_id)
    if query.race_id is not None:
        statement = statement.where(Character.race_id == query.race_id)
    if query.archetype_id is not None:
        statement = statement.where(Character.archetype_id == query.archetype_id)
    return owned.page_by_id(Character, statement, query)


def get_character(user_id: UUID, character_id: str) -> Character:
    """Find a character of the user.

    Raises:
        NotFound: the user has none of this id.
    """
    return owned.find(Character, user_id, character_id, "You have no such character.")


def create_character(user_id: UUID, data: CharacterInput) -> tuple[Character, bool]:
    """Create a character, or bring a deleted one of this id back with new content.

    A repeat of the request, after a lost reply, finds the character as it is.

    Returns:
        the character, and whether it is new.

    Raises:
        Conflict: the id is taken by a character with other content.
        Unprocessable: there is no such race, archetype or portrait.
    """
    catalog.prepare()
    lock_feed(user_id)
    fields = data.model_dump(exclude={"id"})
    same = owned.find_repeat(Character, user_id, data.id, fields, CharacterOutput)
    if same:
        return same, False
    _require_references(user_id, fields)
    return owned.store_new(Character, user_id, data.id, fields), True


def update_character(user_id: UUID, character_id: str, data: CharacterPatch) -> Character:
    """Change what the input names; what it leaves alone may be content that is offered no more.

    Raises:
        NotFound: the user has no such character.
        PreconditionFailed: it is not the revision that If-Match names.
        Problem: 422, the result would be no valid character.
    """
    catalog.prepare()
    character = owned.find_to_change(get_character, CharacterOutput, user_id, character_id)
    fields = owned.changed(character, CharacterFields, data.given())
    changed = {name: value for name, value in fields.items() if value != getattr(character, name)}
    _require_references(user_id, changed)
    owned.assign(character, changed)
    db.session.commit()
    return character


def delete_character(user_id: UUID, character_id: str) -> None:
    """Delete a character with all it has; tombstones stay for the other devices.

    Raises:
        NotFound: the user has no such character.
        PreconditionFailed: it is not the revision that If-Match names.
    """
    character = owned.find_to_change(get_character, CharacterOutput, user_id, character_id)
    character.deleted_at = datetime.now(UTC)
    drop_belongings(user_id, [character_id])
    db.session.commit()


def drop_belongings(user_id: UUID, character_ids: Sequence[str]) -> None:
    """Make tombstones of all that deleted characters carried and wore; the caller commits."""
    owned.delete_where(WornItem, user_id, WornItem.character_id.in_(character_ids))
    owned.delete_where(CarriedItem, user_id, CarriedItem.character_id.in_(character_ids))


def forget_foreign_portraits(user_id: UUID, character_ids: Sequence[str]) -> None:
    """Empty portraits that are no stored portrait file of the user; the caller commits.

    A device that pushed one pulls the character back without it.
    """
    portraits = owned.present(UserFile, user_id).where(
        UserFile.purpose == PORTRAIT.name, UserFile.state == "stored"
    )
    db.session.execute(
        update(Character)
        .where(
            Character.user_id == user_id,
            Character.id.in_(character_ids),
            Character.portrait_id.is_not(None),
            Character.portrait_id.not_in(portraits.with_only_columns(UserFile.id)),
        )
        .values(portrait_id=None)
        .execution_options(synchronize_session=False)
    )


def _require_references(user_id: UUID, fields: dict[str, Any]) -> None:
    """Check what the fields name.

    Raises:
        Unprocessable: it is not there.
    """
    wanted = {
        name: (collection, fields[name])
        for name, collection in _REFERENCES.items()
        if name in fields
    }
    if wanted:
        offered = catalog.look_up(wanted.values()).offered
        for name, reference in wanted.items():
            if reference not in offered:
                raise Unprocessable(name, f"names nothing in /v1/content/{reference[0]}")
    if fields.get("portrait_id") is not None:
        file = db.session.get(UserFile, (user_id, fields["portrait_id"]), populate_existing=True)
        if file is None or file.deleted_at or file.purpose != PORTRAIT.name:
            raise Unprocessable("portrait_id", "is no file of yours with the purpose `portrait`")
        if file.state != "stored":
            raise Unprocessable("portrait_id", "is not stored yet; complete its upload first")
