"""When masks are drawn during training, one file each."""

from spareto.core.registry import Registry
from spareto.pruners.schedules._base import Schedule as Schedule
from spareto.pruners.schedules._base import Update as Update
from spareto.pruners.schedules._exchange import exchange as exchange

registry = Registry("spareto.pruners.schedules", Schedule, "schedule")
