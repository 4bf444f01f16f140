import pytest
from small_city import small_city

from siwei.indicators import Snapshot


@pytest.fixture(scope="session")
def city() -> Snapshot:
    return small_city()
