"""gunicorn: threads behind nginx on a unix socket, or on loopback for "make run"."""

import gc
import os
import shutil
from pathlib import Path
from typing import Any

bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WORKERS", "2"))
threads = int(os.environ.get("THREADS", "8"))
worker_class = "gthread"
# One copy of the code for all workers.
preload_app = True
timeout = 30
graceful_timeout = 20
# Longer than nginx keeps an upstream connection (keepalive_time and keepalive_timeout, 5 s in all):
# else gunicorn closes one that nginx is just using.
keepalive = 75
# The socket is for nginx, which is in the group.
umask = 0o007
# The application logs the requests.
accesslog = None
loglevel = os.environ.get("FIVEBOX_LOG_LEVEL", "INFO").lower()
logconfig_json = "gunicorn.logging.json"
control_socket_disable = True
worker_tmp_dir = "/dev/shm"  # noqa: S108 - a heart-beat file must not wait for a disk

_metrics = os.environ.get("FIVEBOX_METRICS_DIR")
if _metrics:
    # Before the application imports prometheus_client, which looks for it once; emptied, since the
    # files of workers long gone would be counted again.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _metrics
    shutil.rmtree(_metrics, ignore_errors=True)
    Path(_metrics).mkdir(parents=True)


def post_fork(_server: Any, _worker: Any) -> None:
    """A worker must not share the connections that were made while loading."""
    # What is loaded stays: the collector need not look at it again in every worker.
    gc.freeze()
    from app.extensions import db
    from wsgi import app

    with app.app_context():
        db.engine.dispose(close=False)


def child_exit(_server: Any, worker: Any) -> None:
    """Drop the gauges of a worker that ended; its counters go on counting."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
