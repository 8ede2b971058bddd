// A run folder as the commands after `run` take it up again: its tasks with their data, how it was
// scored, who judged it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/cli/run_options.h"
#include "harness/run/embed.h"
#include "harness/run/judge.h"
#include "harness/store/manifest.h"

namespace looktwice::cli {

// The tasks of a run, loaded again. data_root: where the data lies now; empty: as in the run.
// Kind::data when the data changed since.
std::vector<run::Task> stored_tasks(const store::Manifest& manifest,
                                    const std::filesystem::path& data_root, int threads,
                                    const std::shared_ptr<const ImageCodec>& codec);

// How the run was scored last.
ScoringOptions stored_scoring(const store::Manifest& manifest);

// The judge whose points the summary shows. asked: an id or its beginning, "none", or empty: the
// one that judged last. Kind::usage names what there is.
std::optional<run::JudgeSetup> stored_judge(const store::Manifest& manifest,
                                            const std::string& asked);

// The encoder whose similarities the summary shows: the one asked last, if any.
std::optional<run::EncoderSetup> stored_encoder(const store::Manifest& manifest);
// The one that compared tokens last (BERTScore), if any.
std::optional<run::EncoderSetup> stored_token_encoder(const store::Manifest& manifest);

// All outcomes of a run that was scored.
std::vector<Outcome> stored_outcomes(const store::RunFolder& folder, const std::string& run);

}  // namespace looktwice::cli
