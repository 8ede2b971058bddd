// Yes or no out of a free reply, as the published script reads it and as a sound rule does
// (protocols: VisA-D&R detection). Not here: option letters; what follows from the answer.
#pragma once

#include <optional>
#include <string_view>

namespace looktwice::suites {

// test_detection.py of Anomaly-OneVision: yes iff the reply holds "Yes" or "yes" anywhere. "YES" is
// a no; "eyes", "Yesterday" and "Yes-or-no cannot be told" are a yes.
bool official_yes(std::string_view reply);

// The first whole word that is yes or no in any case, in the first sentence that has a word; tags
// and <think> blocks are taken out before. Empty when that sentence has neither or both, or says
// "not yes" or "not no". A sentence ends at . ! ? or a line end. Bytes that are no UTF-8 separate
// words.
std::optional<bool> corrected_yes(std::string_view reply);

}  // namespace looktwice::suites
