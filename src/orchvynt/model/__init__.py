"""The words of OrchVynt as frozen values. Nothing here decides, and nothing here knows the world."""
