"""SQL that the migrations share: what makes a table owned, and part of the revision feed."""


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
    """SQL that puts a table into its users' revision feed, and its changes into live updates."""
    # Migrations before 0006 have nothing to tell yet; that one catches up with their tables.
    return f"""
    CREATE TRIGGER {table}_rev BEFORE INSERT OR UPDATE ON {table}
        FOR EACH ROW EXECUTE FUNCTION stamp_revision();
    DO $feed$ BEGIN
        IF to_regprocedure('tell_revision()') IS NOT NULL THEN
            {tell(table)}
        END IF;
    END $feed$;
    """


def tell(table: str) -> str:
    """SQL that notes changes of a table in the feed for live updates; `feed` includes it."""
    return f"""
    CREATE TRIGGER {table}_tell_new AFTER INSERT ON {table}
        FOR EACH ROW EXECUTE FUNCTION tell_revision();
    CREATE TRIGGER {table}_tell_changed AFTER UPDATE ON {table}
        FOR EACH ROW WHEN (NEW.rev <> OLD.rev) EXECUTE FUNCTION tell_revision();
    """
