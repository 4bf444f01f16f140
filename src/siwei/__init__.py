"""Siwei (四维): an exchange on which a city grows its AI industry."""

__version__ = "0.1.0"
