"""Reads what the tests ask of an executable file for 64-bit Linux."""

import struct
from pathlib import Path

MACHINES = {62: "amd64", 183: "arm64"}
INTERPRETER = 3


class Elf:
    def __init__(self, path):
        self.data = Path(path).read_bytes()
        assert self.data[:6] == b"\x7fELF\x02\x01", "not an ELF file of 64 bits"
        self.machine = MACHINES[struct.unpack_from("<H", self.data, 18)[0]]

    def _table(self, offset_at, size_at, count_at):
        offset = struct.unpack_from("<Q", self.data, offset_at)[0]
        size, count = (struct.unpack_from("<H", self.data, at)[0] for at in (size_at, count_at))
        return [offset + size * index for index in range(count)]

    def segment_types(self):
        return {struct.unpack_from("<I", self.data, at)[0] for at in self._table(32, 54, 56)}

    def sections(self):
        headers = self._table(40, 58, 60)
        names_at = struct.unpack_from("<Q", self.data, headers[struct.unpack_from("<H", self.data, 62)[0]] + 24)[0]
        found = {}
        for at in headers:
            name, kind, _, _, offset, size = struct.unpack_from("<IIQQQQ", self.data, at)
            end = self.data.index(b"\0", names_at + name)
            # The section without data in the file has only a size.
            found[self.data[names_at + name : end].decode()] = b"" if kind == 8 else self.data[offset : offset + size]
        return found
