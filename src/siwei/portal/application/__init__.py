"""申报书: an application ready to be checked and handed in, as DOCX, as PDF, and together in one package."""

from siwei.portal.application.content import Applicant, Application
from siwei.portal.application.package import application_files, application_package

__all__ = ["Applicant", "Application", "application_files", "application_package"]
