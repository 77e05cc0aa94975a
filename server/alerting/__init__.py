"""Watches the answers by rules, tells of what is wrong, and does something about it, once over all servers."""

from server.alerting.acting import act
from server.alerting.gauges import follow_switch, show_gauges
from server.alerting.look import look
from server.alerting.sending import Notices, Post
from server.alerting.watch import Watch

__all__ = ["Notices", "Post", "Watch", "act", "follow_switch", "look", "show_gauges"]
