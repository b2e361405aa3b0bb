"""gunicorn for production: python -m gunicorn -c deploy/gunicorn.conf.py readerstudy.wsgi:application.

WEB_BIND and WEB_WORKERS come from the environment. One process more than cores works while another waits for the
database; a few threads each, for those that wait. More of either only keep each other from the write lock
(docs/scaling.md, Readers).
"""

import os
import sys

bind = os.environ.get("WEB_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_WORKERS", str(1 + (os.cpu_count() or 1))))
worker_class = "gthread"
threads = 4
timeout = 60
graceful_timeout = 20
keepalive = 75  # longer than the proxy's, so that the proxy closes first
max_requests = 20_000
max_requests_jitter = 2_000
# The proxy's log has what is safe to keep; this one would hold addresses of cases.
accesslog = None
errorlog = "-"
loglevel = "warning"
# Only the proxy's word on the scheme counts, and only with BEHIND_PROXY=yes; gunicorn passes headers through.
forwarded_allow_ips = "127.0.0.1,::1"
forwarder_headers = ""  # no proxy puts the site below a path (SCRIPT_NAME): it begins at the root of its host
control_socket_disable = True  # nobody steers it by gunicornc, and its socket would be in the site's folder
worker_tmp_dir = "/dev/shm"  # noqa: S108  (heartbeats in memory: a slow disk is no dead worker)
# The thread with the write lock gets the interpreter back soon; it gives it up at every statement.
sys.setswitchinterval(0.001)
