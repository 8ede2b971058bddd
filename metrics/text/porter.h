// Porter's stemmer as NLTK extends it (PorterStemmer.NLTK_EXTENSIONS), which is what rouge_score
// uses. Not here: other languages, other stemmers. Sources: Porter 1980; NLTK 3.
#pragma once

#include <string>
#include <string_view>

namespace looktwice::metrics {

// word: lower-case ASCII letters and digits. Words of one or two letters stay.
std::string porter_stem(std::string_view word);

// The same in place.
void porter_stem_in_place(std::string& word);

}  // namespace looktwice::metrics
