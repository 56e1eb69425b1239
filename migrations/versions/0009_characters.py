"""Characters, what they carry and what they wear.

Revision ID: 0009
"""

from alembic import op

from migrations.ddl import analyze, feed, own, pseudonym, tell

revision = "0009"
down_revision = "0008"

CHARACTERS = """
CREATE TABLE user_characters (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id text NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    race_id text NOT NULL CHECK (length(race_id) BETWEEN 1 AND 100),
    archetype_id text NOT NULL CHECK (length(archetype_id) BETWEEN 1 AND 100),
    experience bigint NOT NULL DEFAULT 0 CHECK (experience BETWEEN 0 AND 1000000),
    abilities jsonb NOT NULL CHECK (
        jsonb_typeof(abilities) = 'object'
        AND abilities ?& '{power,swiftness,stamina,reason,instinct,charm}'
        AND abilities - '{power,swiftness,stamina,reason,instinct,charm}'::text[] = '{}'
        AND NOT abilities @? '$.* ? (@.type() != "number" || @ < 3 || @ > 10 || @.floor() != @)'
    ),
    notes text NOT NULL DEFAULT '' CHECK (length(notes) <= 2000),
    portrait_id text CHECK (length(portrait_id) BETWEEN 1 AND 64),
    rev bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (user_id, id)
);
CREATE INDEX user_characters_feed ON user_characters (user_id, rev, id);
CREATE INDEX user_characters_live ON user_characters (user_id, id) WHERE deleted_at IS NULL;
CREATE INDEX user_characters_by_portrait ON user_characters (user_id, portrait_id)
    WHERE portrait_id IS NOT NULL;

CREATE TABLE user_character_items (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id text NOT NULL CHECK (id = character_id || ':' || item_id),
    character_id text NOT NULL,
    item_id text NOT NULL CHECK (length(item_id) BETWEEN 1 AND 100),
    quantity bigint NOT NULL CHECK (quantity BETWEEN 1 AND 9999),
    rev bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (user_id, id),
    FOREIGN KEY (user_id, character_id) REFERENCES user_characters (user_id, id) ON DELETE CASCADE
);
CREATE INDEX user_character_items_feed ON user_character_items (user_id, rev, id);
CREATE INDEX user_character_items_carried ON user_character_items (user_id, character_id, item_id)
    INCLUDE (quantity) WHERE deleted_at IS NULL;

CREATE TABLE user_character_equipment (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id text NOT NULL CHECK (id = character_id || ':' || slot),
    character_id text NOT NULL,
    slot text NOT NULL CHECK (slot IN ('head', 'neck', 'body', 'hands', 'feet', 'main-hand',
        'off-hand', 'left-ring', 'right-ring')),
    item_id text NOT NULL CHECK (length(item_id) BETWEEN 1 AND 100),
    rev bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (user_id, id),
    FOREIGN KEY (user_id, character_id) REFERENCES user_characters (user_id, id) ON DELETE CASCADE
);
CREATE INDEX user_character_equipment_feed ON user_character_equipment (user_id, rev, id);
CREATE INDEX user_character_equipment_worn
    ON user_character_equipment (user_id, character_id, slot)
    INCLUDE (item_id) WHERE deleted_at IS NULL;
"""

# Whatever deletes a file, no character keeps it for its portrait.
PORTRAITS = """
CREATE FUNCTION clear_portrait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE user_characters SET portrait_id = NULL
    WHERE user_id = NEW.user_id AND portrait_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER user_files_clear_portrait AFTER UPDATE ON user_files
    FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL)
    EXECUTE FUNCTION clear_portrait();
"""

CHARACTER = pseudonym("user_id::text || character_id")
VIEWS = (
    (
        "characters",
        "user_characters",
        f"{pseudonym('user_id::text || id')} AS character, race_id, archetype_id, experience, "
        "portrait_id IS NOT NULL AS portrait, created_at, deleted_at",
    ),
    (
        "character_items",
        "user_character_items",
        f"{CHARACTER} AS character, item_id, quantity, created_at, deleted_at",
    ),
    (
        "character_equipment",
        "user_character_equipment",
        f"{CHARACTER} AS character, slot, item_id, created_at, deleted_at",
    ),
)


def upgrade() -> None:
    op.execute(CHARACTERS)
    for view, table, columns in VIEWS:
        op.execute(own(table))
        op.execute(feed(table))
        op.execute(tell(table))
        op.execute(analyze(view, table, columns))
    op.execute(PORTRAITS)


def downgrade() -> None:
    op.execute("DROP TRIGGER user_files_clear_portrait ON user_files")
    op.execute("DROP FUNCTION clear_portrait()")
    for view, _, _ in VIEWS:
        op.execute(f"DROP VIEW analytics.{view}")
    op.execute("DROP TABLE user_character_equipment, user_character_items, user_characters")
