from django.apps import AppConfig


class ResultsConfig(AppConfig):
    """What is known once a key is open."""

    name = "readerstudy.results"

    def ready(self) -> None:
        """Tell the studies when a request to open a key is open."""
        from readerstudy.results.services import has_request
        from readerstudy.study.duties import open_requests

        if has_request not in open_requests:
            open_requests.append(has_request)
