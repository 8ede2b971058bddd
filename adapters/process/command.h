// How a program is named and what it may see of our environment.
// Not here: starting it (child.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace looktwice::adapters {

// The words of a command, split as a shell splits them: blanks, 'single' and "double" quotes,
// backslashes. Nothing is expanded and no shell runs. What only a shell could do (| & ; < > ` $(
// unquoted) is refused with a hint. Throws Kind::usage.
std::vector<std::string> command_words(std::string_view command);

// The names of a list "A,B C".
std::vector<std::string> names_in(std::string_view list);

// Whether a variable of that name is likely to hold a secret: *_API_KEY, *_TOKEN, *SECRET*,
// *PASSWORD* and the like.
bool looks_secret(std::string_view variable);

// "NAME=value" of our environment, without what looks secret unless `passed` names it. Adds
// PYTHONUNBUFFERED=1 where it is not set, since a reply that waits in a buffer looks like a hang.
std::vector<std::string> environment_for_child(const char* const* environment,
                                               const std::vector<std::string>& passed);

}  // namespace looktwice::adapters
