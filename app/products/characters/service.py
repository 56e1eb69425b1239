"""The rules of characters."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from pydantic import ValidationError
from sqlalchemy import select, update

from app.database.feed import lock_feed
from app.errors import Conflict, NotFound, Unprocessable, invalid_input
from app.etags import require_match
from app.extensions import db
from app.files.models import UserFile
from app.operations.metrics import RECORDS_CREATED
from app.pages import decode_cursor, page_of
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
    statement = select(Character).where(
        Character.user_id == user_id, Character.deleted_at.is_(None)
    )
    if query.race_id is not None:
        statement = statement.where(Character.race_id == query.race_id)
    if query.archetype_id is not None:
        statement = statement.where(Character.archetype_id == query.archetype_id)
    if query.after:
        statement = statement.where(Character.id > decode_cursor(query.after, 1)[0])
    rows = db.session.scalars(statement.order_by(Character.id).limit(query.limit + 1)).all()
    return page_of(rows, query.limit, lambda character: (character.id,))


def get_character(user_id: UUID, character_id: str) -> Character:
    """Find a character of the user.

    Raises:
        NotFound: the user has none of this id.
    """
    character = db.session.get(Character, (user_id, character_id), populate_existing=True)
    if character is None or character.deleted_at:
        raise NotFound("You have no such character.")
    return character


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
    character_id = data.id or str(uuid4())
    character = db.session.get(Character, (user_id, character_id))
    if character is not None and not character.deleted_at:
        if any(getattr(character, name) != value for name, value in fields.items()):
            raise Conflict("The id is taken by another character of yours.")
        return character, False
    _require_references(user_id, fields)
    if character is None:
        character = Character(user_id=user_id, id=character_id, **fields)
        db.session.add(character)
    else:
        _assign(character, {**fields, "deleted_at": None})
    db.session.commit()
    RECORDS_CREATED.labels("user_characters").inc()
    return character, True


def update_character(user_id: UUID, character_id: str, data: CharacterPatch) -> Character:
    """Change what the input names; what it leaves alone may be content that is offered no more.

    Raises:
        NotFound: the user has no such character.
        PreconditionFailed: it is not the revision that If-Match names.
        Problem: 422, the result would be no valid character.
    """
    catalog.prepare()
    lock_feed(user_id)
    character = get_character(user_id, character_id)
    require_match(character, CharacterOutput)
    present = {name: getattr(character, name) for name in CharacterFields.model_fields}
    try:
        fields = CharacterFields.model_validate(present | data.changes()).model_dump()
    except ValidationError as error:
        raise invalid_input(error) from None
    changed = {name: value for name, value in fields.items() if value != present[name]}
    _require_references(user_id, changed)
    _assign(character, changed)
    db.session.commit()
    return character


def delete_character(user_id: UUID, character_id: str) -> None:
    """Delete a character with all it has; tombstones stay for the other devices.

    Raises:
        NotFound: the user has no such character.
        PreconditionFailed: it is not the revision that If-Match names.
    """
    lock_feed(user_id)
    character = get_character(user_id, character_id)
    require_match(character, CharacterOutput)
    now = datetime.now(UTC)
    character.deleted_at = now
    drop_belongings(user_id, [character_id], now)
    db.session.commit()


def drop_belongings(user_id: UUID, character_ids: Sequence[str], now: datetime) -> None:
    """Make tombstones of all that deleted characters carried and wore."""
    for model in (WornItem, CarriedItem):
        db.session.execute(
            update(model)
            .where(
                model.user_id == user_id,
                model.character_id.in_(character_ids),
                model.deleted_at.is_(None),
            )
            .values(deleted_at=now)
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


def _assign(character: Character, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(character, name, value)
