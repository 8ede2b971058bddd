#include "harness/cli/progress.h"

#include <cstdio>

#include "reports/escape.h"

namespace looktwice::cli {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr auto kPlainLine = std::chrono::seconds(10);
constexpr int kBarCells = 24;

std::string clock_text(double seconds) {
  char text[32];
  const auto whole = static_cast<long>(seconds + 0.5);
  if (whole >= 3600)
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  else
    std::snprintf(text, sizeof text, "%ld:%02ld", whole / 60, whole % 60);
  return text;
}

}  // namespace

void ProgressLine::show(const std::string& what, std::int64_t done, std::int64_t of,
                        std::int64_t resumed, const std::string& extra) {
  if (quiet_) return;
  const Clock::time_point now = Clock::now();
  if (what != what_) {
    finish();
    what_ = what;
    started_ = now;
    printed_ = tty_ ? now - kRedraw : now;  // a pipe gets its first line after some time
  }
  if (now - printed_ < (tty_ ? Clock::duration(kRedraw) : Clock::duration(kPlainLine)) && done < of)
    return;
  printed_ = now;
  const double seconds = std::chrono::duration<double>(now - started_).count();
  const double rate = seconds > 0 ? static_cast<double>(done - resumed) / seconds : 0;
  char tail[128];
  std::snprintf(
      tail, sizeof tail, "%lld/%lld  %.0f/s  %s%s", static_cast<long long>(done),
      static_cast<long long>(of), rate, done < of ? "ETA " : "in ",
      clock_text(done < of ? (rate > 0 ? static_cast<double>(of - done) / rate : 0) : seconds)
          .c_str());
  std::string bar;
  if (tty_) {
    const auto full = of > 0 ? static_cast<int>(kBarCells * done / of) : kBarCells;
    for (int i = 0; i < kBarCells; ++i) bar += i < full ? "█" : "░";
    bar = " " + bar;
  }
  std::fprintf(stderr, "%s%s%s  %s%s%s", tty_ ? "\r\033[K" : "",
               reports::terminal_text(what).c_str(), bar.c_str(), tail, extra.empty() ? "" : "  ",
               extra.c_str());
  if (!tty_) std::fputc('\n', stderr);
  std::fflush(stderr);
  open_ = tty_;
}

void ProgressLine::finish() {
  if (open_) std::fputc('\n', stderr);
  open_ = false;
}

}  // namespace looktwice::cli
