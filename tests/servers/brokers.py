"""Redis and RabbitMQ, each with a password, a node and data of its own."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.process import Server, ServerError, as_user, binary, folder_of, free_port, remove


@contextmanager
def redis(*, durable: bool = False) -> Iterator[Server]:
    """Run a Redis; without `durable` a restart empties it, as a broker that was lost."""
    port, password, folder = free_port(), secrets.token_hex(12), folder_of("redis", "redis")
    command = [
        binary("redis-server") or "redis-server", "--bind", "127.0.0.1", "--port", str(port),
        "--dir", str(folder), "--requirepass", password, "--save", "", "--appendonly", "yes" if durable else "no",
    ]  # fmt: skip
    server = Server("redis", "redis", command, folder, port, f"redis://:{password}@127.0.0.1:{port}/0")
    server.ready = lambda: _redis_answers(server)
    try:
        yield server.start()
    finally:
        remove(server)


def _redis_answers(server: Server) -> bool:
    import redis as client

    try:
        with client.Redis.from_url(server.url, socket_timeout=1) as connection:
            return bool(connection.ping())
    except client.RedisError:
        return False


@contextmanager
def rabbitmq() -> Iterator[Server]:
    """Run a RabbitMQ node of its own name, folders, ports and port mapper."""
    port, distribution, mapper = free_port(), free_port(), free_port()
    folder = folder_of("rabbitmq", "rabbit")
    node = f"test-{secrets.token_hex(4)}@localhost"
    environment = {
        "HOME": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
        "RABBITMQ_NODENAME": node, "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution), "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"), "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"), "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_PID_FILE": str(folder / "pid"), "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "ERL_EPMD_PORT": str(mapper), "ERL_EPMD_ADDRESS": "127.0.0.1",
    }  # fmt: skip
    (folder / "rabbitmq.conf").write_text(
        "loopback_users.guest = true\ndisk_free_limit.absolute = 50MB\nvm_memory_high_watermark.absolute = 512MB\n"
    )
    (folder / "plugins").write_text("[].\n")
    for path in folder.iterdir():
        path.chmod(0o644)
    # `guest` may sign in from this machine only, which is where everything here is.
    server = Server(
        "rabbitmq", "rabbitmq", [binary("rabbitmq-server") or "rabbitmq-server"], folder, port,
        f"amqp://guest:guest@127.0.0.1:{port}//", environment,
    )  # fmt: skip
    server.ready = lambda: _rabbit_answers(server)
    try:
        yield server.start()
    finally:
        remove(server)
        command = [
            "env",
            *(f"{k}={v}" for k, v in environment.items()),
            "epmd",
            "-port",
            str(mapper),
            "-kill",
        ]
        subprocess.run(as_user("rabbitmq", command), capture_output=True, check=False)


def _rabbit_answers(server: Server) -> bool:
    from kombu import Connection

    if server.handle is not None and server.handle.poll() is not None:
        raise ServerError(f"rabbitmq ended:\n{server._tail()}")
    try:
        with Connection(server.url, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
    except Exception:  # kombu raises what its transports raise; not yet ready is all that matters here
        return False
    return True
