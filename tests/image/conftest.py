"""Opens the images that `make release-check` made, and runs them with buildah as they are."""

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

FILES = os.environ.get("SEQSTORE_RELEASE_FILES", "")
QEMU = {"arm64": "qemu-aarch64-static", "amd64": "qemu-x86_64-static"}
MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
PROGRAM = "sequencestore-operator"


class Image:
    """An image in an OCI archive: its configuration, its files, and a container of it."""

    def __init__(self, platform, archive, work):
        self.platform, self.archive, self.work = platform, archive, work
        self.unpacked, self.rootfs = work / "oci", work / "rootfs"
        with tarfile.open(archive) as tar:
            tar.extractall(self.unpacked, filter="data")
        index = json.loads((self.unpacked / "index.json").read_text())
        self.manifest = self.blob(index["manifests"][0]["digest"])
        self.config = self.blob(self.manifest["config"]["digest"])
        self.entries = []
        for layer in self.manifest["layers"]:
            with tarfile.open(self.path(layer["digest"])) as tar:
                self.entries += tar.getmembers()
                tar.extractall(self.rootfs, filter="data")
        self.buildah = ["buildah", "--storage-driver", "vfs", "--root", work / "storage", "--runroot", work / "run"]
        pulled = [*self.buildah, "from", "--quiet", f"oci-archive:{archive}"]
        self.container = subprocess.run(pulled, check=True, capture_output=True, text=True).stdout.strip()

    def path(self, digest):
        return self.unpacked / "blobs" / digest.replace(":", "/")

    def blob(self, digest):
        return json.loads(self.path(digest).read_text())

    def command(self, *arguments, mounts=(), environment=None):
        """The command that runs a program of the image, under emulation where the platform is not this machine's."""
        emulated, mounts = [], list(mounts)
        if self.platform != MACHINES[os.uname().machine]:
            mounts.append((shutil.which(QEMU[self.platform]), "/emulator"))
            emulated = ["/emulator"]
        flags = [f"--volume={here}:{there}:ro" for here, there in mounts]
        flags += [f"--env={key}={value}" for key, value in (environment or {}).items()]
        return [*self.buildah, "run", "--isolation", "chroot", *flags, self.container, "--", *emulated, *arguments]

    def run(self, *arguments, **options):
        return subprocess.run(self.command(*arguments, **options), capture_output=True, text=True, timeout=120)

    def program(self):
        return self.rootfs / PROGRAM


def platforms():
    return sorted(file.name.removeprefix("image-").removesuffix(".tar") for file in Path(FILES).glob("image-*.tar")) if FILES else []


@pytest.fixture(scope="session", params=platforms() or ["none"])
def image(request, tmp_path_factory):
    assert request.param != "none", "SEQSTORE_RELEASE_FILES names no directory with images: use `make release-check`"
    image = Image(request.param, Path(FILES, f"image-{request.param}.tar"), tmp_path_factory.mktemp(request.param))
    yield image
    subprocess.run([*image.buildah, "rm", image.container], capture_output=True, check=True)


@pytest.fixture(scope="session")
def files():
    assert FILES, "SEQSTORE_RELEASE_FILES is not set: use `make release-check`"
    return Path(FILES)
