"""Large 3×3 convolutions with a quarter of the multiplications: minimal filtering F(4×4, 3×3).

Four outputs of three taps need six products in place of twelve (Winograd, 1980; for convolutions Lavin and Gray, CVPR
2016): a tile of 6×6 inputs, each axis multiplied by Bᵀ, meets the kernel, each axis multiplied by G, in 36 products of
matrices, and Aᵀ makes 4×4 outputs of them. In real arithmetic that is the convolution itself; in float32 its error is
some ten times as large as the plain one's.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

OUTPUTS, INPUTS = 4, 6
# Kernels to their six values, at the points 0, 1, -1, 2, -2 and infinity.
_G = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
# Tiles worked on at once: more leave the processor's cache, fewer make small products.
_TILES = 256
# Under these the tiles cost what the products save.
_LEAST_KERNELS, _LEAST_PRODUCTS = 64 * 128, 250_000_000


def pays(convolution: nn.Conv2d, height: int, width: int) -> bool:
    """Whether a 3×3 convolution of pictures of H×W is faster this way; the batch has no say: bits are not to change.

    Measured on two AVX2 cores with two threads, against oneDNN: 64 to 128 channels 1.4 times as fast, 128 to 128 1.7,
    256 to 256 1.9, 512 to 512 1.9 to 2.8; 64 to 64 no faster, and small pictures of the same channels hardly.
    """
    kernels = convolution.in_channels * convolution.out_channels
    whole = height % OUTPUTS == 0 and width % OUTPUTS == 0
    return whole and kernels >= _LEAST_KERNELS and 9 * kernels * height * width >= _LEAST_PRODUCTS


class WinogradConvolution(nn.Module):
    """A 3×3 convolution that keeps height and width, without gradients; its kernel no longer changes.

    Every picture is worked on by itself in parts of the same size, so that its values do not depend on the batch.

    Args:
        convolution: with a padding of one; its kernel is copied, its bias is taken over.
    """

    kernels: Tensor

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        if convolution.kernel_size != (3, 3) or convolution.padding != (1, 1) or convolution.bias is None:
            raise ValueError(f"a 3×3 convolution with a padding of one and a bias is needed, not {convolution}")
        weight = convolution.weight.detach().double()  # (O, C, 3, 3)
        points = torch.tensor(_G, dtype=torch.float64)
        kernels = torch.einsum("pi,qj,ocij->pqco", points, points, weight).to(convolution.weight.dtype)
        self.register_buffer("kernels", kernels.flatten(0, 1).contiguous(), persistent=False)  # (36, C, O)
        self.bias = convolution.bias
        self.border = "replicate" if convolution.padding_mode == "replicate" else "constant"

    def forward(self, x: Tensor) -> Tensor:
        """The convolution of (B, C, H, W), H and W being multiples of four: (B, O, H, W), channels last."""
        batch, _, height, width = x.shape
        padded = nn.functional.pad(x, (1, 1, 1, 1), mode=self.border).permute(0, 2, 3, 1).contiguous()
        out = x.new_empty(batch, height, width, self.kernels.shape[2])
        rows = OUTPUTS * max(1, _TILES * OUTPUTS // width)
        for picture, made in zip(padded, out, strict=True):
            for top in range(0, height, rows):
                self._convolve(picture[top : top + rows + 2], made[top : top + rows])
        return out.permute(0, 3, 1, 2)

    def _convolve(self, x: Tensor, out: Tensor) -> None:
        """Some rows of tiles: (4k + 2, W + 2, C) to `out`, (4k, W, O)."""
        height, width, channels = out.shape
        down, across = height // OUTPUTS, width // OUTPUTS
        rows = x.new_empty(INPUTS, down, width + 2, x.shape[2])
        _to_points([x[i : i + height - 3 : OUTPUTS] for i in range(INPUTS)], rows.unbind())
        tiles = x.new_empty(INPUTS, INPUTS, down, across, x.shape[2])
        _to_points([rows[:, :, j : j + width - 3 : OUTPUTS] for j in range(INPUTS)], tiles.unbind(1))
        products = torch.bmm(tiles.view(INPUTS**2, down * across, -1), self.kernels)
        products[INPUTS + 1] += self.bias  # the point (1, 1), of which every output takes one
        products = products.view(INPUTS, INPUTS, down, across, channels)
        rows = x.new_empty(INPUTS, down, across, OUTPUTS, channels)
        _from_points(products.unbind(1), rows.unbind(3))
        _from_points(rows.view(INPUTS, down, width, channels).unbind(), [out[i::OUTPUTS] for i in range(OUTPUTS)])


def _to_points(x: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    """Bᵀ: six neighbours to their values at the six points."""
    a, b, c, d, e, f = x
    torch.add(e, c, alpha=-5, out=out[0]).add_(a, alpha=4)
    torch.add(f, d, alpha=-5, out=out[5]).add_(b, alpha=4)
    even, odd = torch.add(e, c, alpha=-4), torch.add(d, b, alpha=-4)
    torch.add(even, odd, out=out[1])
    torch.sub(even, odd, out=out[2])
    torch.sub(e, c, out=even)
    torch.sub(d, b, out=odd)
    torch.add(even, odd, alpha=2, out=out[3])
    torch.add(even, odd, alpha=-2, out=out[4])


def _from_points(x: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    """Aᵀ: values at the six points to four outputs."""
    a, b, c, d, e, f = x
    ones, twos = b + c, d + e
    torch.add(ones, twos, out=out[0]).add_(a)
    torch.add(ones, twos, alpha=4, out=out[2])
    torch.sub(b, c, out=ones)
    torch.sub(d, e, out=twos)
    torch.add(ones, twos, alpha=2, out=out[1])
    torch.add(ones, twos, alpha=8, out=out[3]).add_(f)
