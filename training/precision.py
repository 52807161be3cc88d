"""Which machines compute in bfloat16 faster than in float32: some processors, and newer GPUs.

Only augmented views are embedded in it: what rounding does to them is far less than what the
augmentation did. Pictures as they are keep float32, as the model server computes them.
"""

from pathlib import Path
from typing import Literal

Precision = Literal["float32", "bfloat16"]
# As Linux names what processors can do.
PROCESSOR_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
CPU_INFO = Path("/proc/cpuinfo")
# Of a GPU that has tensor cores for it: Ampere's.
COMPUTE_CAPABILITY = (8, 0)


def fastest_precision(cpu_info: Path = CPU_INFO) -> Precision:
    """Give bfloat16 where this machine's GPU, or else its processor, computes in it."""
    capabilities = gpu_capabilities()
    if capabilities:
        return "bfloat16" if min(capabilities) >= COMPUTE_CAPABILITY else "float32"
    return "bfloat16" if processor_flags(cpu_info) & PROCESSOR_FLAGS else "float32"


def gpu_capabilities() -> list[tuple[int, int]]:
    """Give the compute capability of each GPU that TensorFlow sees."""
    from training.framework import tensorflow

    config = tensorflow.config
    details = map(config.experimental.get_device_details, config.list_physical_devices("GPU"))
    return [found.get("compute_capability", (0, 0)) for found in details]


def processor_flags(cpu_info: Path) -> frozenset[str]:
    """Read what the first processor can do; nothing where that is not told."""
    try:
        lines = cpu_info.read_text().splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())
