"""Prints the rates that PyTorch's schedulers give when stepped, as a C++ table."""
import warnings

import torch
from torch.optim import lr_scheduler as s

warnings.simplefilter("ignore")


def rates(base, make, steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    scheduler = make(optimizer)
    out = []
    for _ in range(steps):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return out


def warm(o, after):
    return s.SequentialLR(o, [s.LinearLR(o, start_factor=0.1, total_iters=5), after(o)], [5])


for name, base, make, steps in [
    ("Step", 0.1, lambda o: s.StepLR(o, step_size=4, gamma=0.5), 13),
    ("Cosine", 0.1, lambda o: s.CosineAnnealingLR(o, T_max=12, eta_min=0.001), 13),
    ("OneCycle", 0.2, lambda o: s.OneCycleLR(o, max_lr=0.2, total_steps=20), 20),
    ("OneCycleOther", 0.2, lambda o: s.OneCycleLR(
        o, max_lr=0.2, total_steps=11, pct_start=0.45, div_factor=10,
        final_div_factor=100), 11),
    ("WarmStep", 0.1, lambda o: warm(o, lambda o: s.StepLR(o, step_size=4, gamma=0.5)), 14),
    ("WarmCosine", 0.1,
     lambda o: warm(o, lambda o: s.CosineAnnealingLR(o, T_max=10, eta_min=0.001)), 15),
]:
    print(f"constexpr double k{name}[] = {{{', '.join(map(repr, rates(base, make, steps)))}}};")
