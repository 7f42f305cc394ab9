# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine models``: the packaged models with their costs, or one model's rows by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from yolo_fine.costs.model_costs import ModelCosts, list_models, measure_at
from yolo_fine.errors import ArgumentError
from yolo_fine.integration.model_rows import ModelRow, model_rows, stock_of
from yolo_fine.integration.models import open_model
from yolo_fine.utils.calls import public
from yolo_fine.utils.paths import ModelSource, StrPath
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table


@dataclass(frozen=True, repr=False)
class ModelRows(Result):
    """The rows of one model.

    Attributes:
        model: Its name.
        stock: The stock model whose numbers stand beside; None where there is none.
        imgsz: Side of the image that the shapes belong to.
        gflops: 2 x multiply-accumulates in training, in 10^9.
        rows: By number.
    """

    model: str
    stock: str | None
    imgsz: int
    gflops: float
    rows: list[ModelRow]

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)

    def summary(self) -> str:
        """Size, and which rows are not those of the stock model."""
        parameters = sum(row.parameters for row in self.rows)
        lines = [
            f"{self.model}: {len(self.rows)} rows, {parameters / 1e6:.2f} M parameters, "
            f"{self.gflops:.1f} GFLOPs at {self.imgsz}"
        ]
        if ours := [f"{row.name} {row.number}" for row in self.rows if row.is_ours]:
            lines.append(f"blocks of this package: {', '.join(ours)}")
        return "\n".join(lines)

    def table(self) -> Sequence[Row]:
        """A row each."""
        rows: list[dict[str, Any]] = []
        for row in self.rows:
            shape = "" if row.shape is None else "{} x {} x {}".format(*row.shape)
            shown = {"row": row.number, "reads": ", ".join(map(str, row.inputs)), "module": row.name}
            rows.append(
                {**shown, "output (channels x height x width)": shape, "parameters": f"{row.parameters:,}"}
                | ({} if self.stock is None else {f"row in {self.stock}": "new" if row.stock is None else row.stock})
            )
        return rows

    def show(self) -> list[str | Table]:
        """The table, and what the numbers are for."""
        moved = next((row for row in self.rows if row.stock is not None and row.stock != row.number), None)
        same = next((row.number for row in self.rows if row.stock != row.number), len(self.rows))
        notes = [
            self.summary(),
            f"freeze=10 freezes rows 0 to 9, freeze=[0,5] those two; embed=[{len(self.rows) - 2}] hands out that row's "
            "map; weights of row 4 are named model.4.*",
        ]
        if moved and moved.stock is not None:
            notes.append(
                f"numbers are those of {self.stock} up to row {same - 1}; behind it they differ: "
                f"row {moved.stock} there is row {moved.number} here"
            )
        return [Table(self.table()), *notes]


@public
def describe_models(
    name: ModelSource | None = None, *, scales: str = "n", imgsz: int = 640, json: StrPath | None = None
) -> ModelCosts | ModelRows:
    """List the packaged model YAMLs with parameters and GFLOPs, or one model's rows by name and number.

    The numbers are what ``freeze=`` and ``embed=`` of Ultralytics count in. Rows that were put in shift later ones,
    so the stock model's number stands beside each.

    Args:
        name: Show the rows of this model: a YAML, a checkpoint or a loaded ``YOLO``.
        scales: Scale letters of the list, as ``n`` or ``nsmlx``.
        imgsz: Side of the image that the rows' shapes and GFLOPs belong to.
        json: Write the result to this file too.

    Raises:
        ArgumentError: A letter is none of n, s, m, l, x, or ``imgsz`` is no multiple of 32.
        MissingFileError: There is no such model.
    """
    if imgsz < 32 or imgsz % 32:
        raise ArgumentError(f"imgsz={imgsz} must be a multiple of 32")
    if name is None:
        return list_models(scales, json=json)
    network = open_model(name, "name").model
    written = str(getattr(network, "yaml", {}).get("yaml_file", "model"))
    shown = str(name) if isinstance(name, str) or hasattr(name, "__fspath__") else written
    found = ModelRows(shown, stock_of(network), imgsz, measure_at(network, imgsz), model_rows(network, imgsz))
    if json is not None:
        found.to_json(json)
    return found
