"""librdkafka's mock cluster in a process of its own: the real protocol on loopback, without a Kafka.

    python broker.py topic:partitions ...

Prints its address and lives until its standard input ends; a line there of `down` or `up` stops or starts
answering on the same port. The Python client can start such a cluster but not steer it, hence ctypes.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import confluent_kafka

PRODUCER = 0
BROKER = 1


def main() -> None:
    """Run one cluster of one broker."""
    places = Path(confluent_kafka.__file__).parent.parent.glob("confluent_kafka.libs/librdkafka-*")
    library = ctypes.CDLL(str(next(places)))
    pointer = ctypes.c_void_p
    library.rd_kafka_conf_new.restype = pointer
    library.rd_kafka_conf_set.argtypes = [
        pointer, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t
    ]  # fmt: skip
    library.rd_kafka_new.restype = pointer
    library.rd_kafka_new.argtypes = [ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t]
    library.rd_kafka_mock_cluster_new.restype = pointer
    library.rd_kafka_mock_cluster_new.argtypes = [pointer, ctypes.c_int]
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    library.rd_kafka_mock_cluster_bootstraps.argtypes = [pointer]
    library.rd_kafka_mock_topic_create.argtypes = [pointer, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
    library.rd_kafka_mock_group_initial_rebalance_delay_ms.argtypes = [pointer, ctypes.c_int32]
    for name in ("down", "up"):
        getattr(library, f"rd_kafka_mock_broker_set_{name}").argtypes = [pointer, ctypes.c_int32]
    reason = ctypes.create_string_buffer(512)
    options = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(options, b"log_level", b"0", reason, len(reason))
    client = library.rd_kafka_new(PRODUCER, options, reason, len(reason))
    cluster = library.rd_kafka_mock_cluster_new(client, 1)
    library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 100)
    for text in sys.argv[1:]:
        topic, _, partitions = text.partition(":")
        library.rd_kafka_mock_topic_create(cluster, topic.encode(), int(partitions), 1)
    print(library.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)  # noqa: T201 - its answer
    for line in sys.stdin:
        getattr(library, f"rd_kafka_mock_broker_set_{line.strip()}")(cluster, BROKER)
        print("done", flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
