"""SQL that the migrations share: what makes a table owned, synced, and visible to analysts."""


def own(table: str, *, owner: str = "user_id", accounts: bool = False) -> str:
    """SQL that lets each user reach only their rows of a table, and the analyst read them.

    Args:
        table: name of the table.
        owner: its column with the user's id.
        accounts: also open to transactions in the scope "accounts" (log-in, registration).
    """
    mine = f"{owner} = (SELECT app_user_id())"
    if accounts:
        mine += " OR (SELECT app_scope()) = 'accounts'"
    return f"""
    ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
    ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
    CREATE POLICY own ON {table} USING ({mine}) WITH CHECK ({mine});
    CREATE POLICY analyst ON {table} FOR SELECT TO fivebox_analyst USING (true);
    GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO fivebox_app;
    """


def feed(table: str) -> str:
    """SQL that puts a table into its users' revision feed; `tell` goes with it."""
    return f"""
    CREATE TRIGGER {table}_rev BEFORE INSERT OR UPDATE ON {table}
        FOR EACH ROW EXECUTE FUNCTION stamp_revision();
    """


def tell(table: str) -> str:
    """SQL that notes changes of a table in the feed for live updates."""
    return f"""
    CREATE TRIGGER {table}_tell_new AFTER INSERT ON {table}
        FOR EACH ROW EXECUTE FUNCTION tell_revision();
    CREATE TRIGGER {table}_tell_changed AFTER UPDATE ON {table}
        FOR EACH ROW WHEN (NEW.rev <> OLD.rev) EXECUTE FUNCTION tell_revision();
    """


def analyze(view: str, table: str, columns: str, *, owner: str = "user_id") -> str:
    """SQL that shows columns of a table as the view analytics.<view>.

    The view is for the analyst and for the figures of administrators (scope "analytics"); nobody
    needs a right to the table itself. Leave out names, addresses, texts, and ids that users make.

    Args:
        view: name of the view.
        table: name of the table.
        columns: what else the view has, as a SQL select list.
        owner: the table's column with the user's id, of which the view has a pseudonym, `person`.
    """
    return f"""
    CREATE POLICY analytics ON {table} FOR SELECT TO CURRENT_USER
        USING (current_user = 'fivebox_analyst' OR (SELECT app_scope()) = 'analytics');
    CREATE VIEW analytics.{view} AS
        SELECT {pseudonym(f"{owner}::text")} AS person, {columns} FROM {table}, analytics.salt;
    GRANT SELECT ON analytics.{view} TO fivebox_analyst, fivebox_app;
    """  # noqa: S608 - names of our migrations


def pseudonym(expression: str) -> str:
    """SQL of a name that stands for a text inside a view of `analyze`, the same in all views."""
    return f"left(encode(sha256(salt.value || convert_to({expression}, 'UTF8')), 'hex'), 32)"
