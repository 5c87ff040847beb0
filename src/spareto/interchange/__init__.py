"""Networks in and out: files, graphs and code of other frameworks."""

from spareto.interchange._description import DESCRIPTION as DESCRIPTION
from spareto.interchange._description import network_of as network_of
from spareto.interchange.export import export_to as export_to
from spareto.interchange.export import targets as targets
from spareto.interchange.formats._base import ExportedFile as ExportedFile
from spareto.interchange.importing import convert as convert
from spareto.interchange.state_dict import StateDictPlan as StateDictPlan
