"""What locust plays: one reader who reads a case every few seconds. Run by tests/drills/load.py.

The fast client is used: locust runs on the cores that it measures, and its plain one takes as long over a frame as
the server does.
"""

import itertools
import json
import os
import random
import uuid
from pathlib import Path
from typing import Any

import gevent
from locust import constant_pacing, events, task
from locust.contrib.fasthttp import FastHttpUser

CROWD = Path(os.environ["LOAD_CROWD"])
crowd: dict[str, Any] = json.loads(CROWD.read_text())
cookies = itertools.cycle(crowd["cookies"])
acknowledged: list[str] = []
errors = itertools.count()
phases = random.Random(0)
TOKEN = "a" * 32


class Reader(FastHttpUser):
    """Asks what the reading page asks: the state once, then a save whose answer brings the next state, and its frame.

    An answer is saved with a key that stays the same until it is acknowledged.
    """

    wait_time = constant_pacing(crowd["pace"])

    def on_start(self) -> None:
        """Open the page, in the session that was made for this reader."""
        self.headers = {"Cookie": f"sessionid={next(cookies)}; csrftoken={TOKEN}", "X-CSRFToken": TOKEN}
        self.state = self._get(f"/read/{crowd['slug']}/state/", "state")
        for each in (self.state.get("case"), self.state.get("next")):
            self._fetch(each)
        gevent.sleep(
            crowd["pace"] * phases.random()
        )  # locust starts readers in batches; people are not in step

    @task
    def read(self) -> None:
        """Save the case on the screen, go on to the next one, fetch the one after it."""
        case = self.state.get("case")
        if case:
            self.state = self._save(case)
            self._fetch(self.state.get("next"))

    def _fetch(self, case: dict[str, Any] | None) -> None:
        if not case:
            return
        with self.client.get(
            case["frame_url"], name="frame", headers=self.headers, catch_response=True
        ) as answer:
            if answer.status_code != 200 or len(answer.content) != crowd["frame_bytes"]:
                _note(answer)

    def _get(self, path: str, name: str) -> dict[str, Any]:
        with self.client.get(path, name=name, headers=self.headers, catch_response=True) as answer:
            if answer.status_code != 200:
                _note(answer)
                return {}
            state: dict[str, Any] = answer.json()
            return state

    def _save(self, case: dict[str, Any]) -> dict[str, Any]:
        key = str(uuid.uuid4())
        body = {
            **crowd["payload"],
            "idempotency_key": key,
            "revision": case["revision"],
            "answers": crowd["answers"],
        }
        for _ in range(5):
            with self.client.post(
                case["answer_url"],
                json=body,
                name="save",
                headers=self.headers,
                catch_response=True,
            ) as answer:
                if answer.status_code == 200:
                    acknowledged.append(key)
                    state: dict[str, Any] = answer.json()["state"]
                    return state
                _note(answer)
        return self.state


def _note(answer: Any) -> None:
    if answer.status_code >= 500 or answer.status_code == 0:
        next(errors)
    answer.failure(f"{answer.status_code} {answer.text[:200] if answer.status_code else 'no answer'}")


@events.quitting.add_listener
def write_down(**kwargs: Any) -> None:
    """Leave what was acknowledged for the count against the rows."""
    content = json.dumps({"keys": acknowledged, "errors": next(errors)})
    (CROWD.parent / "acknowledged.json").write_text(content)
