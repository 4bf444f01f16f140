from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "siwei.portal"
    label = "portal"
    verbose_name = "Portal"
