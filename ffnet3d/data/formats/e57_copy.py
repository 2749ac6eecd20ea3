"""An E57 file's tree of nodes, made anew in another file."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np

BLOCK = 1 << 20  # bytes of a picture copied at a time


@dataclass
class TreeCopy:
    """Copies nodes into the file `image`; points and pictures are filled once the tree stands.

    Args:
        libe57: the library.
        image: the file that is written.
        extra: makes the nodes that scans' points get beside their own, by name.
        scans: paths of the scans' points.
        points: old and new points and other records, in the order of the tree.
        blobs: old and new pictures and other bytes.
    """

    libe57: Any
    image: Any
    extra: Callable[[], dict[str, Any]]
    scans: Collection[str]
    points: list[tuple[Any, Any]] = field(default_factory=list)
    blobs: list[tuple[Any, Any]] = field(default_factory=list)

    def copy_children(self, old: Any, new: Any) -> Any:
        """Copy what a structure or vector holds into another."""
        vector = isinstance(new, self.libe57.VectorNode)
        for place in range(old.childCount()):
            child = old.get(place)
            copied = self.copy(child)
            if vector:
                new.append(copied)
            else:
                new.set(child.elementName(), copied)
        return new

    def copy(self, node: Any) -> Any:
        """A node like this one, with all below it."""
        lib, image, kind = self.libe57, self.image, node.type()
        if kind == lib.E57_STRUCTURE:
            return self.copy_children(lib.StructureNode(node), lib.StructureNode(image))
        if kind == lib.E57_VECTOR:
            old = lib.VectorNode(node)
            return self.copy_children(old, lib.VectorNode(image, old.allowHeteroChildren()))
        if kind == lib.E57_COMPRESSED_VECTOR:
            return self._copy_points(lib.CompressedVectorNode(node))
        if kind == lib.E57_BLOB:
            blob = lib.BlobNode(node)
            self.blobs.append((blob, lib.BlobNode(image, blob.byteCount())))
            return self.blobs[-1][1]
        return self._copy_value(node)

    def _copy_value(self, node: Any) -> Any:
        lib, image, kind = self.libe57, self.image, node.type()
        if kind == lib.E57_INTEGER:
            old = lib.IntegerNode(node)
            return lib.IntegerNode(image, old.value(), old.minimum(), old.maximum())
        if kind == lib.E57_SCALED_INTEGER:
            old = lib.ScaledIntegerNode(node)
            limits = old.minimum(), old.maximum()
            return lib.ScaledIntegerNode(image, old.rawValue(), *limits, old.scale(), old.offset())
        if kind == lib.E57_FLOAT:
            old = lib.FloatNode(node)
            return lib.FloatNode(image, old.value(), old.precision(), old.minimum(), old.maximum())
        return lib.StringNode(image, lib.StringNode(node).value())

    def _copy_points(self, old: Any) -> Any:
        """Points of the same fields and the extra ones, in the library's own packing."""
        lib, image = self.libe57, self.image
        prototype = self.copy_children(lib.StructureNode(old.prototype()), lib.StructureNode(image))
        if old.pathName() in self.scans:
            for name, node in self.extra().items():
                prototype.set(name, node)
        new = lib.CompressedVectorNode(image, prototype, lib.VectorNode(image, True))
        self.points.append((old, new))
        return new

    def fill_blobs(self) -> None:
        """Copy the bytes of pictures."""
        for old, new in self.blobs:
            size = old.byteCount()
            for start in range(0, size, BLOCK):
                block = np.empty(min(BLOCK, size - start), np.uint8)
                old.read(block, start, len(block))
                new.write(block, start, len(block))
