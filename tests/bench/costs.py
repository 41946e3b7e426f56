"""Write costs and rates into the guide: `python -m tests.bench.costs tests/bench/figures.json`.

The tables between two marks are computed from figures of the bench and from prices. Do not edit them.
"""

import argparse
import sys
from pathlib import Path

from tests.bench.capacity_tables import local, rates, sustained
from tests.bench.cost_inputs import PRICES, InputError, load_figures, load_prices
from tests.bench.cost_model import Kept, Service, Size
from tests.bench.cost_tables import backlog, batches, choices, million_events, time, wrong_keys
from tests.bench.hook_costs import answers, webhooks
from tests.support.documents import CAPACITY, COSTS, with_text
from triggers_api.ops.cloudformation.template import Template

MARK = "<!-- computed: {} -->"
PAGES = (COSTS, CAPACITY)
END = "<!-- end of the computation -->"


def computed(figures: Path, prices: Path = PRICES) -> dict[str, str]:
    """Return what stands at each mark; `InputError` where a file cannot be used."""
    of, inputs = load_figures(figures), load_prices(prices)
    product, baseline = (Service(of[name], *inputs) for name in ("product", "baseline"))
    size, kept, rate = defaults()
    return {
        "a million events": million_events(product, baseline, size, kept),
        "batches and leases": batches(product, size, kept),
        "measuring the backlog": backlog(product, size, kept),
        "wrong keys": wrong_keys(product, size, kept, rate),
        "webhooks": webhooks(product, size, kept, hooks_rate()),
        "answers to webhooks": answers(product),
        "time": time(product, baseline),
        "choices": choices(product, size, kept),
        "sustained": sustained(product),
        "rates": rates(product, size, kept),
        "triggers dev": local(product, baseline),
    }


def defaults() -> tuple[Size, Kept, int]:
    """Return what the template gives a function, for how long it keeps things, and its throttle a second."""
    value = _parameters()
    size = Size(int(value["MemorySize"]), value["Architecture"])
    kept = Kept(int(value["EventTtlDays"]), int(value["LogRetentionDays"]))
    return size, kept, int(value["ThrottlingRateLimit"])


def hooks_rate() -> int:
    """Return the throttle of webhooks a second that the template gives a stage."""
    return int(_parameters()["HooksRateLimit"])


def with_costs(guide: str, texts: dict[str, str]) -> str:
    """Return a document with each text at its mark, if it has the mark."""
    for name, text in texts.items():
        if (mark := MARK.format(name)) in guide:
            guide = with_text(guide, mark, text, END)
    return guide


def _parameters() -> dict[str, str]:
    return {name: one.default for name, one in Template.load().parameters.items()}


def main() -> int:
    """Write the tables; 1 where figures or prices cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.costs", description=(__doc__ or "").partition(":")[0]
    )
    parser.add_argument(
        "figures", type=Path, metavar="FIGURES.json", help="of `python -m tests.bench --json`"
    )
    parser.add_argument(
        "--prices", type=Path, default=PRICES, metavar="FILE", help="in the form of prices.toml"
    )
    given = parser.parse_args()
    try:
        texts = computed(given.figures, given.prices)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    for page in PAGES:
        page.write_text(with_costs(page.read_text(encoding="utf-8"), texts), encoding="utf-8")
    print("\n".join(texts.values()), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
