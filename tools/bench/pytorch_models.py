"""The networks of models/ in PyTorch, written from the papers, not from our code.

ResNet has torchvision's structure and parameter names (torchvision itself is not in Debian),
DriveNet ours. Tensors are PyTorch's (N, C, H, W) and (N, C, T, H, W).
"""
import torch
from torch import nn
from torch.nn import functional as F


def conv(channels_in, channels, kernel, stride=1):
    return nn.Conv2d(channels_in, channels, kernel, stride, padding=kernel // 2, bias=False)


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, channels_in, width, stride, downsample):
        super().__init__()
        self.conv1 = conv(channels_in, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, channels_in, width, stride, downsample):
        super().__init__()
        self.conv1 = conv(channels_in, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = conv(width, 4 * width, 1)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class ResNet(nn.Module):
    def __init__(self, block, depths, classes=1000, channels=64, small_stem=False):
        super().__init__()
        self.conv1 = conv(3, channels, 3) if small_stem else conv(3, channels, 7, 2)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.Identity() if small_stem else nn.MaxPool2d(3, 2, 1)
        stem = channels
        for i, depth in enumerate(depths):
            width, stage = stem << i, []
            for j in range(depth):
                stride = 2 if i > 0 and j == 0 else 1
                downsample = None
                if stride != 1 or channels != width * block.expansion:
                    downsample = nn.Sequential(
                        conv(channels, width * block.expansion, 1, stride),
                        nn.BatchNorm2d(width * block.expansion))
                stage.append(block(channels, width, stride, downsample))
                channels = width * block.expansion
            setattr(self, f"layer{i + 1}", nn.Sequential(*stage))
        self.stages = len(depths)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for i in range(self.stages):
            x = getattr(self, f"layer{i + 1}")(x)
        return self.fc(x.mean(dim=(2, 3)))


class ConvBlock(nn.Module):
    def __init__(self, channels_in, channels, kernel, stride):
        super().__init__()
        self.conv = nn.Conv3d(channels_in, channels, kernel, stride,
                              padding=[k // 2 for k in kernel], bias=False)
        self.norm = nn.BatchNorm3d(channels)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class SpaceTime(nn.Module):
    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.space = ConvBlock(channels_in, channels, (1, 3, 3), (1, stride, stride))
        self.time = ConvBlock(channels, channels, (3, 1, 1), (1, 1, 1))

    def forward(self, x):
        return self.time(self.space(x))


class DriveNet(nn.Module):
    """Fills hidden patches; forward(frames, mask) gives the filled frames."""

    def __init__(self, channels):
        super().__init__()
        self.trunk = nn.ModuleDict()
        for i, c in enumerate(channels):
            self.trunk[f"level{i}"] = SpaceTime(4 if i == 0 else channels[i - 1], c,
                                                1 if i == 0 else 2)
        self.pyramid = nn.ModuleDict()
        for i in range(len(channels) - 1):
            self.pyramid[f"level{i}"] = nn.ModuleDict({
                "lateral": nn.Conv3d(channels[i + 1], channels[i], 1, bias=False),
                "merge": ConvBlock(channels[i], channels[i], (1, 3, 3), (1, 1, 1))})
        self.head = nn.ModuleDict({
            "fill": nn.Conv3d(channels[0], 3, (1, 3, 3), padding=(0, 1, 1))})

    def forward(self, frames, mask):
        x = torch.cat([frames * (1 - mask), mask], dim=1)
        levels = []
        for level in self.trunk.values():
            x = level(x)
            levels.append(x)
        for i in reversed(range(len(levels) - 1)):
            part = self.pyramid[f"level{i}"]
            narrow = part["lateral"](x)
            coarse = F.interpolate(narrow, size=levels[i].shape[2:], mode="nearest")
            x = part["merge"](coarse + levels[i])
        return self.head["fill"](x)


def fill_loss(filled, frames, mask):
    """Mean squared error over hidden pixels."""
    return (((filled - frames) * mask) ** 2).sum() / (3 * mask.sum())


MODELS = {
    "resnet-tiny": lambda: ResNet(BasicBlock, [1, 1, 1], 10, 16, small_stem=True),
    "resnet18": lambda: ResNet(BasicBlock, [2, 2, 2, 2]),
    "resnet34": lambda: ResNet(BasicBlock, [3, 4, 6, 3]),
    "resnet50": lambda: ResNet(Bottleneck, [3, 4, 6, 3]),
    "drivenet-tiny": lambda: DriveNet([8, 12, 16]),
    "drivenet-small": lambda: DriveNet([16, 24, 32]),
    "drivenet-full": lambda: DriveNet([16, 32, 64, 128]),
}
CLASSES = {"resnet-tiny": 10}  # others: 1000
PIXELS = {"resnet-tiny": (32, 32), "drivenet-tiny": (2, 16, 24),
          "drivenet-small": (4, 64, 112), "drivenet-full": (4, 240, 480)}


def random_batch(model, batch):
    """What the model reads, made up: a list of inputs, and labels or None."""
    size = PIXELS.get(model, (224, 224))
    pixels = torch.rand(batch, 3, *size) - 0.5
    if model.startswith("resnet"):
        return [pixels], torch.randint(0, CLASSES.get(model, 1000), (batch,))
    return [pixels, (torch.rand(batch, 1, *size) < 0.75).float()], None


def loss_of(out, data, labels):
    return fill_loss(out, *data) if labels is None else F.cross_entropy(out, labels)
