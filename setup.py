"""Tags the wheel of Syft: for one platform if it carries the compiled kernel, for every platform if it does not."""

from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel

KERNEL = Path(__file__).parent / "syft" / "kernel" / "kernel.so"


class SyftWheel(bdist_wheel):
    """A wheel that depends on the platform, but on no version of Python: the kernel is loaded through ctypes."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = not KERNEL.exists()

    def get_tag(self) -> tuple[str, str, str]:
        return ("py3", "none", super().get_tag()[2])


setup(cmdclass={"bdist_wheel": SyftWheel})
