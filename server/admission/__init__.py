"""What stands before the engine: a place for each question in the server, and a turn for each at the engine."""

from server.admission.admission import Admission, running_of
from server.admission.ticket import Ticket

__all__ = ["Admission", "Ticket", "running_of"]
