#include "harness/core/sample.h"

namespace looktwice {

const char* name_of(Status status) {
  switch (status) {
    case Status::answered:
      return "answered";
    case Status::refused:
      return "refused";
    case Status::failed:
      return "failed";
  }
  return "failed";
}

std::optional<Status> status_named(std::string_view name) {
  for (const Status status : {Status::answered, Status::refused, Status::failed})
    if (name == name_of(status)) return status;
  return {};
}

}  // namespace looktwice
