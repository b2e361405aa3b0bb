from django.apps import AppConfig
from django.conf import settings


class AnalysisConfig(AppConfig):
    name = "analysis"
    label = "analysis"

    def ready(self) -> None:
        """Tell the sweep which modules of the site's own code it may import."""
        from analysis.sweep.networks.factories import allow

        allow(settings.FACTORY_MODULES)
