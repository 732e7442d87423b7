"""What an operator does to a deployed stack; `run --operations` walks it."""

from alarms import Alarms
from doctor import Doctor
from restore import Restore
from upgrade import Upgrade

__all__ = ["Alarms", "Doctor", "Restore", "Upgrade"]
