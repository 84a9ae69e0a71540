"""Our own import contract: a context is entered by its front door only."""

from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

DOORS = frozenset({"api", "types", "tables", "testing"})


class DoorsContract(Contract):
    """From outside a context only `api`, `types`, `tables` and `testing` may be imported; all else is denied.

    `root_package` holds the contexts; `ground` names those without doors, which may be imported anywhere inside;
    `free` names the importers that wire everything together and may enter by any door.
    """

    root_package = fields.StringField()
    ground = fields.ListField(subfield=fields.StringField())
    free = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002, FBT001 - importlinter's form
        """Every import that enters a context elsewhere than by a door."""
        faults = sorted(
            (importer, imported)
            for importer in graph.modules
            for imported in graph.find_modules_directly_imported_by(importer)
            if self._is_forced_entry(importer, imported)
        )
        return ContractCheck(kept=not faults, metadata={"faults": faults})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Names each import and the doors that it could have used."""
        for importer, imported in check.metadata["faults"]:
            output.print_error(f"{importer} imports {imported}; a context is entered by {', '.join(sorted(DOORS))}")

    def _is_forced_entry(self, importer: str, imported: str) -> bool:
        inside = self._path(imported)
        outside = self._path(importer)
        if not inside or not outside or inside[0] == outside[0] or outside[0] in self._names(self.free):
            return False
        return inside[0] not in self._names(self.ground) and (len(inside) == 1 or inside[1] not in DOORS)

    def _names(self, listed: Any) -> list[str]:
        # importlinter puts the list in place of the field; the types know only the field.
        return list(listed)

    def _path(self, module: str) -> list[Any]:
        prefix = f"{self.root_package}."
        return module.removeprefix(prefix).split(".") if module.startswith(prefix) else []
