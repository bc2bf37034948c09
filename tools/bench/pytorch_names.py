"""Tatami's names of states as PyTorch's names of parameters and buffers."""
import re

LEAVES = {"gamma": "weight", "beta": "bias", "mean": "running_mean",
          "variance": "running_var", "weight": "weight", "bias": "bias"}
RESNET_LAYERS = {
    "reduce.conv": "conv1", "reduce.norm": "bn1",    # bottleneck
    "space.conv": "conv2", "space.norm": "bn2",
    "expand": "conv3", "expand_norm": "bn3",
    "first.conv": "conv1", "first.norm": "bn1",      # basic block
    "second": "conv2", "second_norm": "bn2",
    "shortcut": "downsample.0", "shortcut_norm": "downsample.1",
    "stem.conv": "conv1", "stem.norm": "bn1", "classify": "fc",
}


def pytorch_name(model, name):
    """None for what is no part of the network, as a moment of the optimizer."""
    layer, _, leaf = name.rpartition(".")
    if leaf not in LEAVES:
        return None
    if model.startswith("resnet"):
        stage = re.fullmatch(r"stage(\d+)\.(\d+)\.(.+)", layer)
        if stage:
            layer = f"layer{int(stage[1]) + 1}.{stage[2]}.{RESNET_LAYERS[stage[3]]}"
        else:
            layer = RESNET_LAYERS[layer]
    return f"{layer}.{LEAVES[leaf]}"
