"""The embedded broker delivers each whole message once and steps over a torn one."""

import multiprocessing
import shutil
import stat
from pathlib import Path
from queue import Empty

from kombu import Connection, Exchange, Queue

import readerstudy.celery  # noqa: F401  (gives the transport its name)

QUEUE = Queue("sweep", Exchange("sweep", type="direct"), routing_key="sweep")


def connect(folder: Path) -> Connection:
    return Connection("atomicfs://localhost//", transport_options={"data_folder": str(folder)})


def publish(folder: Path, numbers: range) -> None:
    with connect(folder) as connection:
        producer = connection.Producer(serializer="json")
        for number in numbers:
            producer.publish({"n": number}, exchange=QUEUE.exchange, routing_key="sweep", declare=[QUEUE])


def take_all(folder: Path) -> list[int]:
    taken = []
    with connect(folder) as connection, connection.SimpleQueue(QUEUE) as queue:
        while True:
            try:
                message = queue.get(block=False)
            except Empty:
                return taken
            taken.append(message.payload["n"])
            message.ack()


def test_messages_come_in_order_and_once(tmp_path: Path) -> None:
    publish(tmp_path, range(20))
    assert take_all(tmp_path) == list(range(20))
    assert take_all(tmp_path) == []
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


def test_torn_message_is_stepped_over(tmp_path: Path) -> None:
    publish(tmp_path, range(3))
    second = sorted(tmp_path.glob("*.msg"))[1]
    second.write_bytes(second.read_bytes()[:25])
    assert take_all(tmp_path) == [0, 2]


def test_a_process_that_runs_on_rings_after_the_folder_was_emptied(tmp_path: Path) -> None:
    with connect(tmp_path) as connection:
        producer = connection.Producer(serializer="json")
        for number in range(2):
            producer.publish({"n": number}, exchange=QUEUE.exchange, routing_key="sweep", declare=[QUEUE])
            if number == 0:
                shutil.rmtree(tmp_path)
    assert take_all(tmp_path) == [1]


def test_folder_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    publish(folder, range(1))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def _take(folder: Path, results: "multiprocessing.Queue[list[int]]") -> None:
    results.put(take_all(folder))


def test_two_takers_share_without_doubling(tmp_path: Path) -> None:
    publish(tmp_path, range(60))
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[list[int]] = context.Queue()
    takers = [context.Process(target=_take, args=(tmp_path, results)) for _ in range(2)]
    for taker in takers:
        taker.start()
    taken = [number for _ in takers for number in results.get(timeout=60)]
    for taker in takers:
        taker.join(60)
        assert taker.exitcode == 0
    assert sorted(taken) == list(range(60))


def test_purge_counts(tmp_path: Path) -> None:
    publish(tmp_path, range(4))
    with connect(tmp_path) as connection:
        assert QUEUE(connection.default_channel).purge() == 4
    assert take_all(tmp_path) == []
