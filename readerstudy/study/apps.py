from django.apps import AppConfig


class StudyConfig(AppConfig):
    name = "readerstudy.study"
    label = "study"
