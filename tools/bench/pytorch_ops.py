"""PyTorch's operator for each of our ops that has one.

Tensors come in our order, channels last: a [N, H, W, C] seen as PyTorch's (N, C, H, W)
is a view, in PyTorch's channels_last memory format. The view in `contiguous` format is
a copy, made before anything is timed.
"""
import torch
from torch.nn import functional as F

ATEN = torch.ops.aten


class Op:
    """What the peer of one op does.

    run(x, attrs): inputs, as `view` made them, to the result.
    view, back: between our order of dims and PyTorch's, by the number of an input.
    derive(x, attrs): makes inputs that are functions of others what they are.
    magnitude(x, attrs): the result with every term of its sums taken by its size, where
        errors grow with the number of terms. None: the op's own error says all.
    more: how the work of the operator differs from ours, as a short note; such an op
        is timed, but is no part of the mean ratio.
    """

    def __init__(self, run, view=(), back=False, derive=None, magnitude=None, more=""):
        self.run, self.view, self.back = run, view, back
        self.derive, self.magnitude, self.more = derive, magnitude, more


def channels_first(t):
    return t.movedim(-1, 1)


def channels_last(t):
    return t.movedim(1, -1)


def on_sizes(run):
    """The magnitude of a sum of products: the same of the sizes of all inputs."""
    return lambda x, attrs: run([t.abs() if t.is_floating_point() else t for t in x], attrs)


def sums(run, **more):
    return Op(run, magnitude=on_sizes(run), **more)


def padding(attrs):
    if attrs["pad_lo"] != attrs["pad_hi"]:
        raise NotImplementedError("padding that differs between the ends of a dim")
    return attrs["pad_lo"]


def activate(y, attrs):
    return y.relu_() if attrs.get("activation") == "relu" else y


# Convolutions. Weights have PyTorch's order already.

def conv(x, attrs):
    bias = x[2] if len(x) > 2 else None
    f = F.conv2d if x[0].dim() == 4 else F.conv3d
    return activate(f(x[0], x[1], bias, attrs["stride"], padding(attrs),
                      attrs["dilation"], attrs["groups"]), attrs)


def conv_backward(dy, x, w, attrs, wanted):
    return ATEN.convolution_backward(
        dy, x, w, None, attrs["stride"], padding(attrs), attrs["dilation"], False,
        [0] * len(attrs["stride"]), attrs["groups"], wanted)


def conv_input_grad(x, attrs):
    dy, w = x
    # Only its sizes are read.
    shape = torch.empty(1, dtype=dy.dtype).expand(
        dy.shape[0], w.shape[1] * attrs["groups"], *attrs["input_dims"])
    return conv_backward(dy, shape, w, attrs, [True, False, False])[0]


def conv_weight_grad(x, attrs):
    w = torch.empty(1, dtype=x[0].dtype).expand(
        x[1].shape[1], x[0].shape[1] // attrs["groups"], *attrs["kernel"])
    return conv_backward(x[1], x[0], w, attrs, [False, True, False])[1]


def matmul(x, attrs):
    a = x[0].transpose(-1, -2) if attrs["transpose_a"] else x[0]
    b = x[1].transpose(-1, -2) if attrs["transpose_b"] else x[1]
    return torch.matmul(a, b)


# Pools.

def max_pool(x, attrs):
    f = F.max_pool2d if x[0].dim() == 4 else F.max_pool3d
    return f(x[0], attrs["kernel"], attrs["stride"], padding(attrs), attrs["dilation"])


def max_pool_grad(x, attrs):
    # Both operators: ours finds the maxima anew, so that nothing need be kept for it.
    forward, backward = F.max_pool2d, ATEN.max_pool2d_with_indices_backward
    if x[0].dim() == 5:
        forward, backward = F.max_pool3d, ATEN.max_pool3d_with_indices_backward
    sizes = attrs["kernel"], attrs["stride"], padding(attrs), attrs["dilation"]
    places = forward(x[0], *sizes, return_indices=True)[1]
    return backward(x[1], x[0], *sizes, False, places)


def average_pool(x, attrs):
    f = F.avg_pool2d if x[0].dim() == 4 else F.avg_pool3d
    return f(x[0], attrs["kernel"], attrs["stride"], padding(attrs), False,
             bool(attrs["count_include_pad"]))


# Batch norm: x is (N, C, ..), statistics, gamma and beta are (C).

def batch_norm(x, attrs):
    y = F.batch_norm(x[0], x[1], x[2], x[3], x[4], False, 0.0, attrs["epsilon"])
    return activate(y, attrs)


def positions(x):
    return [d for d in range(x.dim()) if d != 1]


def column(v, x):
    return v.view(1, -1, *[1] * (x.dim() - 2))


def norm_backward(dy, x, mean, variance, gamma, attrs, wanted):
    invstd = (variance + attrs["epsilon"]).rsqrt()
    return ATEN.native_batch_norm_backward(dy, x, gamma, None, None, mean, invstd, True,
                                           attrs["epsilon"], wanted)


def derive_statistics(x, attrs):
    wide = x[0].double()
    variance, mean = torch.var_mean(wide, positions(wide), unbiased=False)
    x[1].copy_(mean)
    if len(x) > 2:
        x[2].copy_(variance)


def grad_sums(x, attrs):
    _, product, total = norm_backward(x[3], x[0], x[1], x[2], torch.ones_like(x[1]), attrs,
                                      [False, True, True])
    return torch.stack([total, product])


def grad_sums_magnitude(x, attrs):
    scaled = (x[0] - column(x[1], x[0])).abs() * column(
        (x[2] + attrs["epsilon"]).rsqrt(), x[0])
    d = x[3].abs()
    return torch.stack([d.sum(positions(d)), (d * scaled).sum(positions(d))])


def derive_input_grad(x, attrs):
    derive_statistics(x, attrs)
    wide = [t.double() for t in x]
    x[4].copy_(grad_sums([wide[0], wide[1], wide[2], wide[5]], attrs))


def input_grad_magnitude(x, attrs):
    n = x[0].numel() / x[0].shape[1]
    r = (x[2] + attrs["epsilon"]).rsqrt()
    scaled = (x[0] - column(x[1], x[0])).abs() * column(r, x[0])
    sums = grad_sums_magnitude([x[0], x[1], x[2], x[5]], attrs) / n
    # PyTorch takes the sums anew: n roundings more, where the flops of the kernel count as
    # 8 (kernel_agreement.h).
    return column((x[3] * r).abs(), x[0]) * (
        x[5].abs() + n / 8 * (column(sums[0], x[0]) + scaled * column(sums[1], x[0])))


# By element.

def relu_grad(x, attrs):
    return ATEN.threshold_backward(x[1], x[0], 0)


def sgd_velocity(x, attrs):
    velocity, gradient, p = x
    if attrs["weight_decay"] != 0:
        gradient = gradient.add(p, alpha=attrs["weight_decay"])
    return torch.mul(velocity, attrs["momentum"]).add_(gradient)


def resize_grad(mode):
    def run(x, attrs):
        # Back to the sizes attrs names, from those of the output's gradient.
        size = list(x[0].shape)
        size[-2], size[-1] = attrs["h"], attrs["w"]
        t = x[0]
        if t.dim() == 5:
            return ATEN.upsample_nearest3d_backward(t, t.shape[2:], size)
        if mode == "nearest":
            return ATEN.upsample_nearest2d_backward(t, t.shape[2:], size)
        return ATEN.upsample_bilinear2d_backward(t, t.shape[2:], size, False)
    return run


def resize(mode):
    def run(x, attrs):
        size = [*x[0].shape[2:-2], attrs["h"], attrs["w"]]
        if mode == "nearest":
            return F.interpolate(x[0], size=size, mode="nearest")
        if x[0].dim() == 5:
            raise NotImplementedError("bilinear resizing of video")
        return F.interpolate(x[0], size=size, mode="bilinear", align_corners=False)
    return run


def reduce(f):
    return lambda x, attrs: f(x[0], attrs["dims"], bool(attrs["keep"]))


IMAGE = dict(view=(0,), back=True)
OPS = {
    "conv": sums(conv, **IMAGE),
    "conv_input_grad": sums(conv_input_grad, **IMAGE),
    "conv_weight_grad": sums(conv_weight_grad, view=(0, 1)),
    "matmul": sums(matmul),
    "max_pool": Op(max_pool, **IMAGE),
    "max_pool_grad": Op(max_pool_grad, view=(0, 1), back=True),
    "average_pool": sums(average_pool, **IMAGE),
    "batch_norm": Op(batch_norm, derive=derive_statistics, **IMAGE),
    "channel_mean": sums(lambda x, attrs: x[0].mean(positions(x[0])), view=(0,)),
    "channel_variance": Op(
        lambda x, attrs: torch.var(x[0], positions(x[0]), unbiased=False), view=(0,),
        derive=derive_statistics, more="takes the mean as well",
        magnitude=lambda x, attrs: ((x[0].abs() + column(x[1].abs(), x[0])) ** 2).mean(
            positions(x[0]))),
    "batch_norm_grad_sums": Op(grad_sums, view=(0, 3), derive=derive_statistics,
                               magnitude=grad_sums_magnitude),
    "batch_norm_input_grad": Op(
        lambda x, attrs: norm_backward(x[5], x[0], x[1], x[2], x[3], attrs,
                                       [True, False, False])[0],
        view=(0, 5), back=True, derive=derive_input_grad, magnitude=input_grad_magnitude,
        more="sums dy as well"),
    "relu": Op(lambda x, attrs: torch.relu(x[0])),
    "relu_grad": Op(relu_grad),
    "sigmoid": Op(lambda x, attrs: torch.sigmoid(x[0])),
    "tanh": Op(lambda x, attrs: torch.tanh(x[0])),
    "silu": Op(lambda x, attrs: F.silu(x[0])),
    "gelu": Op(lambda x, attrs: F.gelu(x[0])),
    "add": Op(lambda x, attrs: x[0] + x[1]),
    "sub": Op(lambda x, attrs: x[0] - x[1]),
    "mul": Op(lambda x, attrs: x[0] * x[1]),
    "div": Op(lambda x, attrs: x[0] / x[1]),
    "square": Op(lambda x, attrs: x[0].square()),
    "affine": Op(lambda x, attrs: torch.mul(x[0], attrs["scale"]).add_(attrs["shift"])),
    "sgd_velocity": Op(sgd_velocity),
    "sub_scaled": Op(lambda x, attrs: torch.sub(x[0], x[1] * x[2])),
    "reduce_sum": sums(reduce(torch.sum)),
    "reduce_mean": sums(reduce(torch.mean)),
    "resize_nearest": Op(resize("nearest"), **IMAGE),
    "resize_nearest_grad": sums(resize_grad("nearest"), **IMAGE),
    "resize_bilinear": sums(resize("bilinear"), **IMAGE),
    "resize_bilinear_grad": sums(resize_grad("bilinear"), **IMAGE),
    "concat": Op(lambda x, attrs: torch.cat(x, attrs["dim"])),
    "softmax": Op(lambda x, attrs: torch.softmax(x[0], -1)),
    "log_softmax": Op(lambda x, attrs: torch.log_softmax(x[0], -1)),
}
