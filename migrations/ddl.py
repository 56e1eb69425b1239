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
    """SQL that puts a table into its users' revision feed."""
    return f"""
    CREATE TRIGGER {table}_rev BEFORE INSERT OR UPDATE ON {table}
        FOR EACH ROW EXECUTE FUNCTION stamp_revision();
    """
