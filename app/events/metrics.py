"""Metrics of the process that serves the streams."""

from prometheus_client import Counter, Gauge

STREAMS = Gauge("events_streams_open", "Streams of live updates that are open.")
OPENED = Counter("events_streams_opened_total", "Streams opened.")
ENDED = Counter("events_streams_ended_total", "Streams ended.", ["reason"])
REFUSED = Counter("events_streams_refused_total", "Requests for a stream refused.", ["status"])
RECEIVED = Counter("events_received_total", "Messages received from Redis.")
DELIVERED = Counter("events_delivered_total", "Events sent to clients.", ["event"])
CONNECTED = Gauge("events_redis_connected", "1 while the subscription stands.")
