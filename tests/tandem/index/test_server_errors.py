import pytest
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse

from tandem.errors import UnavailableError
from tandem.index.server_errors import out_of_reach


def test_a_server_that_limits_requests_says_when_to_come_again() -> None:
    with pytest.raises(UnavailableError, match="Read rate limit") as caught, out_of_reach():
        raise ResourceExhaustedResponse("Read rate limit", 17)
    assert caught.value.retry_after == 17


def test_our_own_faults_are_not_called_the_servers() -> None:
    with pytest.raises(KeyError), out_of_reach():
        raise KeyError("tenant")
