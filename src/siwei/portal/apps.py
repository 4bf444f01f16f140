from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "siwei.portal"
    label = "portal"
    verbose_name = "Portal"

    def ready(self) -> None:
        from allauth.mfa.signals import authenticator_removed

        from siwei.portal.second_factors import own_factor_removed

        authenticator_removed.connect(own_factor_removed, dispatch_uid="own_factor_removed")
