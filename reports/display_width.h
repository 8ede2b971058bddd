// How many columns of a terminal a text takes: East Asian wide characters take two, combining marks
// none.
#pragma once

#include <string>
#include <string_view>

namespace looktwice::reports {

int display_width(std::string_view text);
// At most `width` columns; what is cut off becomes `ellipsis`. A combining mark stays with its
// letter.
std::string shortened(std::string_view text, int width, std::string_view ellipsis);

}  // namespace looktwice::reports
