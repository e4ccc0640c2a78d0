"""The adapters by name: the project's own, and those of installed plugins."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from ape_mine.datasets.adapters.base import Adapter
from ape_mine.errors import AdapterBrokenError, AdapterUnknownError, ExtraMissingError

#: Entry-point group of plugins' adapters.
GROUP = "ape_mine.adapters"
#: Module and class of each own adapter, imported on first use.
_OWN = {
    "csv": "csv_file:CsvFile",
    "parquet": "parquet_file:ParquetFile",
    "jsonl": "json_lines:JsonLines",
    "sql": "sql_database:SqlDatabase",
    "rest": "rest_api:RestApi",
    "x-archive": "x_archive:XArchive",
    "takeout": "takeout:Takeout",
    "apple-health": "apple_health:AppleHealth",
    "gpx": "gpx:Gpx",
    "fhir": "fhir:Fhir",
}


def adapter_names() -> list[str]:
    """All adapters, the project's own first."""
    return [*_OWN, *sorted(set(_plugins()) - set(_OWN))]


def find_adapter(name: str) -> Adapter:
    """A new instance of an adapter.

    Raises:
        AdapterUnknownError: no such adapter.
        AdapterBrokenError: a plugin's entry point is not an adapter.
        ExtraMissingError: the adapter needs a package that is not installed.
    """
    if name in _OWN:
        module, kind = _OWN[name].split(":")
        try:
            adapter: Adapter = getattr(import_module(f"ape_mine.datasets.adapters.{module}"), kind)()
        except ModuleNotFoundError as error:
            raise ExtraMissingError(f"the source {name}", str(error.name), extra=name) from None
        return adapter
    plugin = _plugins().get(name)
    if plugin is None:
        raise AdapterUnknownError(name, adapter_names())
    return _from_plugin(plugin)


def _from_plugin(plugin: EntryPoint) -> Adapter:
    try:
        adapter = plugin.load()()
    except Exception as error:
        raise AdapterBrokenError(plugin.name, plugin.value, f"{type(error).__name__}: {error}") from error
    if not isinstance(adapter, Adapter):
        raise AdapterBrokenError(
            plugin.name, plugin.value, "it does not derive from ape_mine.datasets.adapters.base.Adapter"
        )
    return adapter


def _plugins() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
