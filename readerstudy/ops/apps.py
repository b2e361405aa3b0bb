from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "readerstudy.ops"
    label = "ops"
