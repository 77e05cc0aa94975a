"""Who asks: keys and tokens become a `Caller`, in one place for every path."""

from server.identity.loader import PrincipalLoader
from server.identity.opening import open_principals

__all__ = ["PrincipalLoader", "open_principals"]
