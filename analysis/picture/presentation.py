"""What a file holds and asks for, and the picture that a rule makes of it."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.picture import tone

WIDEST = 2**18
"""Limits of a window further out than this, in grey values, are taken for an error of the header."""

WIDEST_SPACING = 100.0
"""mm; a larger pixel is an error of the header."""

Format = Literal["PNG", "JPEG", "DICOM"]


@dataclass(frozen=True)
class Linear:
    """The linear modality transform: slope (not 0) x stored value + intercept."""

    slope: float = 1.0
    intercept: float = 0.0


@dataclass(frozen=True)
class Presentation:
    """A file's picture before any choice of tone, upright.

    stored: the values as the file holds them at full depth, rows x columns of uint8, uint16, int8 or int16 from
    -2**(bits-1) or 0 on; where the file has colour, rows x columns x 3 of uint8. bits: depth, 1 to 16.
    modality: from stored values to modality units. voi: every view that the file offers, the first is the one.
    inverted: small modality values are bright. used: rows x columns, False for padding; None where there is none.
    spacing: (row, column) in mm, or None. ready: 8 bits that are grey levels already. source: the file's format.
    syntax: its DICOM transfer syntax, or "". decisions: what was decided and why, as sentences without any text
    of the file. burned_in: the header lets expect text in the pixels (it says so, or the picture was captured from a
    screen, from film or by another program). profile: the ICC profile of a file with colour, empty without one.
    """

    stored: NDArray[np.integer]
    bits: int
    source: Format
    modality: Linear | tone.Table = Linear()
    voi: tuple[tone.Voi, ...] = ()
    inverted: bool = False
    used: NDArray[np.bool_] | None = None
    spacing: tuple[float, float] | None = None
    ready: bool = False
    syntax: str = ""
    decisions: tuple[str, ...] = ()
    burned_in: bool = False
    profile: bytes = b""

    @property
    def coloured(self) -> bool:
        """Whether red, green and blue differ anywhere."""
        return self.stored.ndim == 3

    @property
    def lowest(self) -> int:
        """The lowest value that this depth can hold: 0, or negative where values are signed."""
        return -(2 ** (self.bits - 1)) if self.stored.dtype.kind == "i" else 0

    @property
    def from_zero(self) -> NDArray[np.unsignedinteger]:
        """The stored values less the lowest: unsigned arithmetic wraps round to the right value."""
        values = self.stored.view(f"u{self.stored.dtype.itemsize}")
        return values + values.dtype.type(-self.lowest) if self.lowest else values


@dataclass(frozen=True)
class Rendering:
    """A picture by a rule.

    pixels: rows x columns of uint8 (bits 8) or uint16, 0 to 2**bits - 1; larger is brighter, but for a curve that
    is not monotone. curve: brightness 0 (black) to 1 (white) of each grey value (2**bits). window: the grey
    values between which a straight line comes nearest to the curve, low < high; not rounded. flat: all pixels
    that are no padding have one value, so that there is no percentile to go by. decisions: as in `Presentation`.
    """

    pixels: NDArray[np.unsignedinteger]
    bits: int
    curve: tone.Values
    window: tuple[float, float]
    flat: bool = False
    decisions: tuple[str, ...] = ()

    @property
    def shades(self) -> NDArray[np.uint8]:
        """The curve in grey levels, halves up, as the viewer rounds: 2**bits of uint8."""
        return np.floor(self.curve * 255 + 0.5).astype(np.uint8)


def luminance(presentation: Presentation) -> Presentation:
    """Return a picture without colour, by the weights of ITU-R 601-2; a grey one as it is."""
    if not presentation.coloured:
        return presentation
    return replace(presentation, stored=weighed(presentation.stored))


def weighed(colours: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return rows x columns of grey for rows x columns x 3 of uint8, by the weights of ITU-R 601-2."""
    # The integer arithmetic of Pillow's convert("L"), which runs of earlier versions were made with.
    red, green, blue = (colours[..., place].astype(np.uint32) for place in range(3))
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)


def render(presentation: Presentation, rule: tone.Rule) -> Rendering:
    """Make the grey values and the tone curve of a grey picture.

    A linear transform is not multiplied into the pixels: they keep the stored values, turned round where small ones
    are bright and shifted to begin at 0, and the tone is taken back into them, so that nothing is rounded. A
    Modality LUT, which is not linear, is applied.

    Raises
    ------
    ValueError: a picture with colour.
    """
    if presentation.coloured:
        raise ValueError("expected a grey picture, got colour; take its luminance first")
    pixels, bits, units = _greys(presentation)
    top = 2.0**bits - 1
    full = Rendering(
        pixels=pixels,
        bits=bits,
        curve=np.arange(len(units)) / top,
        window=(0.0, top),
        decisions=presentation.decisions,
    )
    if rule == "full" or (rule == "file" and presentation.ready):
        return full
    if isinstance(rule, tone.Percentiles):
        return _by_percentiles(full, presentation, units, rule)
    asked = _asked(presentation, units)
    if asked is None:
        note = "The file specifies no window that can be used; percentiles of its own values are used."
        full = replace(full, decisions=(*full.decisions, note))
        return _by_percentiles(full, presentation, units, tone.PERCENTILES)
    _, curve, (low, high) = asked
    if curve[-1] < curve[0]:  # a VOI LUT that falls: the grey values are turned round with it
        pixels = _narrow(len(curve) - 1 - pixels, bits)
        return replace(full, pixels=pixels, curve=curve[::-1], window=(top - high, top - low))
    return replace(full, curve=curve, window=(low, high))


def network_rendering(presentation: Presentation, percentiles: tone.Percentiles) -> Rendering:
    """Make the picture that networks are given: 8-bit PNG and JPEG as they are, DICOM between two percentiles.

    A 16-bit PNG gives the upper 8 of the bits that it uses, as OpenCV does where it uses all.
    """
    grey = luminance(presentation)
    if grey.source == "DICOM" and not grey.ready:
        return render(grey, percentiles)
    full = render(grey, "full")
    return replace(full, curve=(np.arange(2**full.bits) >> (full.bits - 8)) / 255)


def levels(rendering: Rendering) -> NDArray[np.uint8]:
    """Return the grey levels that a rendering shows: rows x columns of uint8, halves to the even level."""
    table = np.rint(rendering.curve * 255).astype(np.uint8)
    if rendering.bits == 8 and (table == np.arange(256)).all():
        return rendering.pixels.astype(np.uint8, copy=False)
    return np.take(table, rendering.pixels)  # half the time of an index


def _greys(presentation: Presentation) -> tuple[NDArray[np.unsignedinteger], int, tone.Values]:
    """Return grey values, larger is brighter, their bits, and the modality value of each (2**bits)."""
    pixels, lowest, bits = presentation.from_zero, presentation.lowest, presentation.bits
    if isinstance(presentation.modality, tone.Table):
        table = presentation.modality
        inputs = np.arange(2**bits, dtype=np.float64) + lowest
        bits = max(8, table.bits)
        top = 2**table.bits - 1
        entries = table.at(inputs)
        units = np.arange(2**bits, dtype=np.float64)
        if presentation.inverted:
            entries, units = top - entries, top - units
        return _narrow(entries[pixels], bits), bits, units
    slope, intercept = presentation.modality.slope, presentation.modality.intercept
    top = 2**bits - 1
    places = np.arange(2 ** max(8, bits), dtype=np.float64)
    if (slope < 0) != presentation.inverted:
        pixels, places = top - pixels, top - places
    return _narrow(pixels, max(8, bits)), max(8, bits), (places + lowest) * slope + intercept


def _narrow(pixels: NDArray[np.integer], bits: int) -> NDArray[np.unsignedinteger]:
    return pixels.astype(np.uint8 if bits == 8 else np.uint16, copy=False)


def view_in_use(presentation: Presentation) -> tuple[tone.Voi | None, tuple[float, float]]:
    """Return the view that the rule "file" takes, if any, and the lowest and highest modality value it may meet."""
    _, _, units = _greys(replace(presentation, stored=presentation.stored[:1, :1]))
    asked = None if presentation.ready else _asked(presentation, units)
    return asked and asked[0], (float(units.min()), float(units.max()))


def _asked(
    presentation: Presentation, units: tone.Values
) -> tuple[tone.Voi, tone.Values, tuple[float, float]] | None:
    """Return the first view that can be used with its curve and window, None where there is none."""
    for view in presentation.voi:
        window = _window(view, units) if isinstance(view, tone.Window) else None
        if window is None and isinstance(view, tone.Window):
            continue
        curve = view.shown(units)
        if curve.min() < curve.max():
            curve = 1 - curve if presentation.inverted else curve
            return view, curve, window or _span(curve)
    return None


def _window(view: tone.Window, units: tone.Values) -> tuple[float, float] | None:
    """Take a window from modality units to grey values; None for one wide of the depth, or narrower than a value."""
    top = len(units) - 1
    step = (units[-1] - units[0]) / top
    low, high = sorted(float((limit - units[0]) / step) for limit in view.limits())
    sound = np.isfinite([low, high]).all() and max(abs(low), abs(high)) <= WIDEST
    # A hair under one grey value is the rounding of a width of exactly one.
    return (low, high) if sound and high - low > 1 - 1e-9 and low < top and high > 0 else None


def _span(curve: tone.Values) -> tuple[float, float]:
    """Return the straight line that meets a curve at a quarter and three quarters of its rise, or of its fall."""
    rising = curve if curve[-1] >= curve[0] else curve[::-1]
    share = (rising - rising.min()) / np.ptp(rising)
    quarter, three = (_crossing(share, level) for level in (0.25, 0.75))
    top = len(curve) - 1
    low, high = (
        (quarter - (three - quarter) / 2, three + (three - quarter) / 2) if quarter < three else (0, top)
    )
    return (float(low), float(high)) if rising is curve else (float(top - high), float(top - low))


def _crossing(share: tone.Values, level: float) -> float:
    """Return where values first reach a level, between places too."""
    place = int(np.argmax(share >= level))
    if place == 0:
        return 0.0
    before, after = share[place - 1], share[place]
    return place - 1 + float((level - before) / (after - before))


def _by_percentiles(
    full: Rendering, presentation: Presentation, units: tone.Values, rule: tone.Percentiles
) -> Rendering:
    counts = tone.counted(full.pixels, presentation.used, len(units))
    if not counts.any():  # nothing but padding
        counts = tone.counted(full.pixels, None, len(units))
    brightness = -units if units[-1] < units[0] else units
    low, high = (tone.percentile(counts, brightness, percent) for percent in (rule.low, rule.high))
    if not low < high:
        return replace(full, flat=True)
    step = (brightness[-1] - brightness[0]) / (len(brightness) - 1)
    window = (float((low - brightness[0]) / step), float((high - brightness[0]) / step))
    return replace(full, curve=tone.line(brightness, low, high), window=window)
