"""What several benchmarks share: a random model, how memory is measured, what ran where, and tables."""

import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch._C._profiler import _EventType  # pyright: ignore[reportPrivateImportUsage]
from torch.profiler import ProfilerActivity, profile
from transformers import Qwen3Config, Qwen3ForCausalLM


def make_model(width: int, layers: int, vocabulary: int, context: int) -> Qwen3ForCausalLM:
    """A random Qwen3 in float32 with sdpa attention, the same each time: heads of 64, two to a key."""
    torch.manual_seed(0)
    heads = max(2, width // 64)
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads // 2,
        head_dim=width // heads,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
    )
    return Qwen3ForCausalLM(config).eval()


def measure_peak(work: Callable[[], object], device: str = "cpu") -> int:
    """Bytes of tensors that were alive at once at most, not counting those there before."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        work()
    return _find_peak(seen)


def _find_peak(seen: Any) -> int:
    events, sizes = list(seen.profiler.kineto_results.experimental_event_tree()), []
    while events:
        event = events.pop()
        events += event.children
        if event.typed[0] == _EventType.Allocation:
            sizes.append((event.start_time_ns, event.typed[1].alloc_size))
    live, peak = 0, 0
    for _, size in sorted(sizes, key=lambda item: item[0]):
        live += size
        peak = max(peak, live)
    return peak


def describe_machine(*packages: str) -> dict[str, str]:
    """Versions of packages, and what they run on."""
    found = {"python": platform.python_version()}
    for name in ("torch", *packages):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    found["processor"] = _find_processor()
    if torch.cuda.is_available():
        found["device"] = torch.cuda.get_device_name()
    return found


def _find_processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def print_row(cells: Sequence[Any], widths: Sequence[int]) -> None:
    """One line of a table: the first column to the left, the others to the right."""
    texts = [show(cell) for cell in cells]
    line = (
        f"{text:<{w}}" if k == 0 else f"{text:>{w}}"
        for k, (text, w) in enumerate(zip(texts, widths, strict=True))
    )
    print("  ".join(line), flush=True)


def print_table(headings: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    """A table of rows; ``headings`` is heading to key."""
    cells = [[show(row.get(key)) for key in headings.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    for line in (list(headings), *cells):
        print_row(line, widths)


def show(value: Any) -> str:
    """A number with three digits or so, as a person reads it; None is a dash."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
