// What stands for one picture in the language model's sequence: its tokens, a sentence about how
// suspicious it is, and the anomaly tokens.
//   [whole picture][map of the tiles, unpadded, a newline token after each row]
//   [6 of the sentence][1 global][4 of the whole picture][2 rows of 2 per tile, a newline after
//   each]
// With one tile only: [whole picture][newline][6 of the sentence][1 global][4][newline].
// Of the base model, without an expert: only what is before the sentence, LLaVA-OneVision's tokens.
// Not here: the expert (expert.h), text (prompt.h).
// Source: llava_arch.py:144-163, 325-381, 411-427.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

#include "adapters/anomaly_ov/tiles.h"

namespace looktwice::anomaly_ov {

// "with slightly|moderately|highly suspicious features: ", for scores < 0.3, < 0.7, else.
std::array<std::int32_t, 6> sentence_ids(double score);

struct PictureParts {
  at::Tensor features = {};  // [tiles][side * side][hidden], projected; tile 0 the whole picture
  // The expert's, all three or none:
  at::Tensor local = {};     // [tiles][4][hidden], projected
  at::Tensor global = {};    // [1][hidden], projected
  at::Tensor sentence = {};  // [6][hidden]: embeddings of sentence_ids(score)
  at::Tensor newline = {};   // [hidden]
};

// most_tiles: a map of more than this many tiles' tokens is made smaller (bilinear); 0: never.
// [tokens][hidden]
at::Tensor picture_tokens(const PictureParts& parts, const Tiles& tiles, int most_tiles = 9);

// [rows][columns][hidden] without what the centring on the grid added. size: of the picture. An odd
// rest leaves one row or column of the padding in, as in the official code.
at::Tensor unpadded(const at::Tensor& map, imaging::Size size);

}  // namespace looktwice::anomaly_ov
