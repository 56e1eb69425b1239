"""The product nutrition: profiles, and meal plans with their meals.

Ingredients, meals, stores and prices are content; what refers to them here has no foreign key.

Revision ID: 0010
"""

from alembic import op

from migrations.ddl import analyze, feed, own, pseudonym, tell

revision = "0010"
down_revision = "0009"

COLUMNS = """
    rev bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (user_id, id)
"""

PROFILES = f"""
CREATE TABLE user_nutrition_profiles (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id text NOT NULL CHECK (id = 'profile'),
    sex text NOT NULL CHECK (sex IN ('female', 'male')),
    birth_year bigint NOT NULL CHECK (birth_year BETWEEN 1900 AND 2100),
    height_cm double precision NOT NULL CHECK (height_cm BETWEEN 120 AND 230),
    weight_kg double precision NOT NULL CHECK (weight_kg BETWEEN 30 AND 250),
    activity text NOT NULL CHECK (activity IN ('sedentary', 'light', 'moderate', 'vigorous')),
    sport text NOT NULL CHECK (sport IN ('fitness', 'endurance', 'team', 'strength')),
    goal text NOT NULL CHECK (goal IN ('lose', 'maintain', 'gain')),
    {COLUMNS}
);
CREATE INDEX user_nutrition_profiles_feed ON user_nutrition_profiles (user_id, rev, id);
"""

PLANS = f"""
CREATE TABLE user_meal_plans (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id text NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    note text NOT NULL DEFAULT '' CHECK (length(note) <= 2000),
    start_date date NOT NULL,
    {COLUMNS}
);
CREATE INDEX user_meal_plans_feed ON user_meal_plans (user_id, rev, id);
CREATE INDEX user_meal_plans_live ON user_meal_plans (user_id, id) WHERE deleted_at IS NULL;

CREATE TABLE user_plan_meals (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id text NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    plan_id text NOT NULL,
    day bigint NOT NULL CHECK (day BETWEEN 1 AND 28),
    slot text NOT NULL CHECK (slot IN ('breakfast', 'lunch', 'dinner', 'snack')),
    meal_id text NOT NULL CHECK (meal_id ~ '^[a-z0-9][a-z0-9-]{{0,99}}$'),
    servings double precision NOT NULL CHECK (servings BETWEEN 0.25 AND 20),
    changes jsonb NOT NULL DEFAULT '{{}}' CHECK (jsonb_typeof(changes) = 'object'),
    {COLUMNS},
    FOREIGN KEY (user_id, plan_id) REFERENCES user_meal_plans (user_id, id) ON DELETE CASCADE
);
CREATE INDEX user_plan_meals_feed ON user_plan_meals (user_id, rev, id);
CREATE INDEX user_plan_meals_by_day ON user_plan_meals (user_id, plan_id, day, id)
    WHERE deleted_at IS NULL;
"""

# Neither bodies nor texts: what people train for, and how many plan their meals.
VIEWS = (
    (
        "nutrition_profiles",
        "user_nutrition_profiles",
        "activity, sport, goal, created_at, deleted_at",
    ),
    (
        "meal_plans",
        "user_meal_plans",
        f"{pseudonym('user_id::text || id')} AS plan, created_at, deleted_at",
    ),
    (
        "plan_meals",
        "user_plan_meals",
        f"{pseudonym('user_id::text || plan_id')} AS plan, day, slot, servings, "
        "changes <> '{}' AS changed, created_at, deleted_at",
    ),
)


def upgrade() -> None:
    op.execute(PROFILES)
    op.execute(PLANS)
    for view, table, columns in VIEWS:
        op.execute(own(table))
        op.execute(feed(table))
        op.execute(tell(table))
        op.execute(analyze(view, table, columns))


def downgrade() -> None:
    for view, _table, _columns in VIEWS:
        op.execute(f"DROP VIEW analytics.{view}")
    op.execute("DROP TABLE user_plan_meals, user_meal_plans, user_nutrition_profiles")
