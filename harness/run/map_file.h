// Anomaly maps in the run folder: one .npy per request, its name a hash of the key, its CRC in the
// journal.
#pragma once

#include <optional>
#include <string>

#include "harness/core/codec.h"
#include "harness/store/run_folder.h"

namespace looktwice::run {

// Writes the map; not synced: the journal does that with the record. half: float16, values rounded
// to nearest.
StoredMap write_map(const store::RunFolder& folder, const std::string& key, const AnomalyMap& map,
                    bool half);

// Nothing when the file is missing or not the one that was written.
std::optional<AnomalyMap> read_map(const store::RunFolder& folder, const StoredMap& stored);
bool map_is_intact(const store::RunFolder& folder, const StoredMap& stored);

}  // namespace looktwice::run
