"""Generated examples are the same on every run, and none of them may fail for being slow."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "cxlab", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("cxlab")
