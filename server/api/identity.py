"""Who asks. The only place that makes a `Caller` from a request.

They are coroutines because FastAPI sends a plain function to a thread, which takes longer than the function.
"""

from fastapi import Request

from server.services import Services
from tandem.vocabulary import Caller


async def caller_of(request: Request) -> Caller:
    """The caller behind a request: until there are keys, everybody is the default tenant.

    Nothing that a client sends chooses the tenant.
    """
    return Caller()


async def admin_of(request: Request) -> Caller:
    """The caller, who may change what serves everybody: prompts, recipes, the champion.

    Until there are roles, everybody may.
    """
    return await caller_of(request)


async def services_of(request: Request) -> Services:
    """The parts of this server."""
    services: Services = request.app.state.services
    return services
