"""A page that a disk has damaged, made on purpose."""

from tests.lab.hosts import Host


def damage_page(host: Host, path: str) -> None:
    """Write garbage over the third page of a relation; the server is down meanwhile.

    Args:
        host: of the database.
        path: of the relation, as pg_relation_filepath tells it.
    """
    write = f"dd if=/dev/urandom bs=8192 seek=2 count=1 conv=notrunc status=none of={path}"
    # Not the unit without an instance: nobody would wait for the last checkpoint, which mends it.
    host.ssh(f"systemctl stop 'postgresql@*' && cd /var/lib/postgresql/*/main && {write}")
    host.ssh("systemctl start postgresql; timeout 30 sh -c 'until pg_isready; do sleep 0.1; done'")
