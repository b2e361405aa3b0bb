from django.apps import AppConfig


class PlanningConfig(AppConfig):
    name = "readerstudy.planning"
    label = "planning"
