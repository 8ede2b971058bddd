#!/usr/bin/env python3
"""Writes reports/inferno.h: matplotlib's colour map inferno, 256 colours. Needs matplotlib (the tables are CC0)."""
import pathlib

from matplotlib import colormaps

colours = [tuple(int(255 * part + 0.5) for part in colormaps["inferno"](i)[:3]) for i in range(256)]
rows = "\n".join("    " + " ".join("{%d, %d, %d}," % c for c in colours[i:i + 6]) for i in range(0, 256, 6))
pathlib.Path(__file__).parent.parent.joinpath("reports/inferno.h").write_text(f"""// The colour map inferno of matplotlib (CC0), dark to bright in even steps for the eye, also without colour vision.
// Written by scripts/make_colormap.py.
#pragma once

#include <array>
#include <cstdint>

namespace looktwice::reports {{

using Colour = std::array<std::uint8_t, 3>;  // R, G, B

// clang-format off
inline constexpr std::array<Colour, 256> kInferno = {{{{
{rows}
}}}};
// clang-format on

}}  // namespace looktwice::reports
""")
